#include "storage/base/memory_meter.h"

#include <memory>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/base/status.h"

namespace base {
namespace {

using Scope = MemoryMeter::Scope;

constexpr int64_t kMiB = 1 << 20;

std::unique_ptr<char[]> Take(int64_t bytes) {
  auto taken = std::make_unique_for_overwrite<char[]>(static_cast<size_t>(bytes));
  // As something that might be read, or the compiler leaves both new and delete out.
  asm volatile("" : : "r"(taken.get()) : "memory");
  return taken;
}

class MemoryMeterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!MemoryMeter::Counts()) GTEST_SKIP() << "built without jemalloc";
  }
};

TEST_F(MemoryMeterTest, CountsWhatItsThreadsHold) {
  MemoryPool pool;
  {
    MemoryMeter meter(&pool);
    EXPECT_EQ(pool.active(), 1);
    std::unique_ptr<char[]> mine, others, before = Take(5 * kMiB);
    {
      const Scope scope(&meter);
      EXPECT_EQ(MemoryMeter::OfThread(), &meter);
      mine = Take(3 * kMiB);
      Take(50 * kMiB);  // And freed.
      std::thread([&] {
        const Scope scope(&meter);
        others = Take(2 * kMiB);
      }).join();
      ASSERT_TRUE(MemoryMeter::Check().ok());
      EXPECT_NEAR(meter.used_bytes(), 5 * kMiB, kMiB / 2);
    }
    EXPECT_EQ(MemoryMeter::OfThread(), nullptr);
    std::unique_ptr<char[]> nobodys = Take(7 * kMiB);
    {
      const Scope scope(&meter);
      others.reset();  // Whoever frees it.
    }
    EXPECT_NEAR(meter.used_bytes(), 3 * kMiB, kMiB / 2);
    EXPECT_NEAR(meter.peak_bytes(), 5 * kMiB, kMiB / 2);
    EXPECT_EQ(pool.used_bytes(), meter.used_bytes());
  }
  EXPECT_EQ(pool.used_bytes(), 0);
  EXPECT_EQ(pool.active(), 0);
}

TEST_F(MemoryMeterTest, LeavesOutWhatIsNobodys) {
  MemoryPool pool;
  MemoryMeter meter(&pool);
  std::unique_ptr<char[]> cached, mine;
  {
    const Scope scope(&meter);
    mine = Take(kMiB);
    {
      const Scope cache(nullptr);
      cached = Take(9 * kMiB);
      EXPECT_TRUE(MemoryMeter::Check().ok());
    }
  }
  EXPECT_NEAR(meter.used_bytes(), kMiB, kMiB / 4);
}

TEST_F(MemoryMeterTest, OneInsideAnotherIsItsOwn) {
  MemoryPool pool;
  MemoryMeter outer(&pool), inner(&pool);
  std::unique_ptr<char[]> a, b;
  {
    const Scope scope(&outer);
    a = Take(2 * kMiB);
    {
      const Scope scope2(&inner);
      b = Take(4 * kMiB);
    }
  }
  EXPECT_NEAR(outer.used_bytes(), 2 * kMiB, kMiB / 4);
  EXPECT_NEAR(inner.used_bytes(), 4 * kMiB, kMiB / 4);
}

TEST_F(MemoryMeterTest, RefusesOneThatTakesTooMuch) {
  MemoryPool pool({.request_bytes = 4 * kMiB});
  MemoryMeter meter(&pool);
  const Scope scope(&meter);
  const auto some = Take(3 * kMiB);
  EXPECT_TRUE(MemoryMeter::Check().ok());
  {
    const auto more = Take(2 * kMiB);
    const absl::Status status = MemoryMeter::Check();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(std::string(message(status)), ::testing::HasSubstr("4.0 MiB"));
    EXPECT_FALSE(MemoryMeter::Check().ok());
  }
  EXPECT_EQ(pool.refused(), 1u) << "once for a request";
  EXPECT_TRUE(MemoryMeter::Check().ok());
}

TEST_F(MemoryMeterTest, WhenAllTakeTooMuchTheLargeOnesEnd) {
  MemoryPool pool({.total_bytes = 10 * kMiB});
  MemoryMeter large(&pool), small(&pool);
  std::unique_ptr<char[]> a, b;
  {
    const Scope scope(&small);
    b = Take(2 * kMiB);
    EXPECT_TRUE(MemoryMeter::Check().ok());
  }
  {
    const Scope scope(&large);
    a = Take(9 * kMiB);
    const absl::Status status = MemoryMeter::Check();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(std::string(message(status)), ::testing::HasSubstr("--storage.memory-limit"));
  }
  {
    const Scope scope(&small);
    EXPECT_TRUE(MemoryMeter::Check().ok());
  }
  EXPECT_EQ(pool.refused(), 1u);
}

}  // namespace
}  // namespace base
