#include "storage/base/tight_buffer.h"

#include <random>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(TightBuffer, HoldsWhatAStringWouldHold) {
  constexpr uint64_t kSeed = 20261127;
  std::mt19937_64 random(kSeed);
  for (int run = 0; run < 200; ++run) {
    TightBuffer buffer;
    std::string model;
    for (int step = 0; step < 200; ++step) {
      switch (random() % 5) {
        case 0:
          buffer.push_back(static_cast<char>(random()));
          model.push_back(buffer.back());
          break;
        case 1: {
          const std::string more(random() % 40, static_cast<char>(random()));
          buffer.append(more);
          model += more;
          break;
        }
        case 2: {
          const size_t size = random() % (model.size() + 1);
          buffer.Shrink(size);
          model.resize(size);
          break;
        }
        case 3:
          buffer.Fit();
          break;
        default: {
          TightBuffer other = std::move(buffer);
          buffer = std::move(other);
        }
      }
      ASSERT_EQ(buffer.view(), model) << "seed " << kSeed << " run " << run << " step " << step;
    }
  }
}

TEST(TightBuffer, TakesNoHeapForEightBytesAndLittleMoreThanItHolds) {
  TightBuffer buffer;
  for (int i = 0; i < 8; ++i) buffer.push_back('x');
  EXPECT_EQ(buffer.heap_bytes(), 0u);
  for (int i = 8; i < 1000; ++i) {
    buffer.push_back('x');
    EXPECT_LE(buffer.heap_bytes(), buffer.size() + buffer.size() / 4 + 16);
  }
  buffer.Shrink(100);
  buffer.Fit();
  EXPECT_EQ(buffer.heap_bytes(), 112u);
}

}  // namespace
}  // namespace base
