#include "storage/model/packed_labels.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include <fmt/format.h>

#include "tests/testing/seed.h"

namespace model {
namespace {

Labels RandomLabels(std::mt19937* random) {
  std::vector<Labels::Pair> pairs;
  if ((*random)() % 50 == 0) return {};
  for (const char* name : {"__name__", "a", "instance", "job", "zone"}) {
    if ((*random)() % 8 == 0) continue;
    // Some values are prefixes of others, or longer than a byte counts.
    std::string value = fmt::format("{}", (*random)() % 40);
    if ((*random)() % 30 == 0) value += std::string((*random)() % 400, 'x');
    pairs.emplace_back(name, std::move(value));
  }
  return Labels::FromPairs(std::move(pairs));
}

TEST(PackedLabels, GivesWhatWasAppendedInAnyOrder) {
  std::mt19937 random(testing_support::Seed());
  for (int round = 0; round < testing_support::Rounds(6); ++round) {
    std::vector<Labels> all;
    for (uint32_t n = random() % (round == 0 ? 20'000 : 300); n > 0; --n) {
      all.push_back(RandomLabels(&random));
    }
    if (round % 2 == 0) std::sort(all.begin(), all.end());
    PackedLabels packed;
    for (const Labels& labels : all) packed.Append(labels);
    ASSERT_EQ(packed.size(), all.size());
    PackedLabels::Reader forward(&packed), any(&packed);
    for (size_t i = 0; i < all.size(); ++i) {
      ASSERT_EQ(forward.At(i), all[i].view()) << i;
      const size_t to = random() % 3 == 0 ? i / 2 : random() % all.size();
      ASSERT_EQ(any.At(to), all[to].view()) << to;
      if (random() % 5 == 0 && to + 1 < all.size()) {
        ASSERT_EQ(any.At(to + 1), all[to + 1].view()) << to;
      }
      if (random() % 100 == 0) {
        ASSERT_EQ(forward.At(i), all[i].view()) << i;
      }
    }
  }
}

// As a target brings them: in label order neighbours differ in one value amid the others.
TEST(PackedLabels, AreFewBytesInLabelOrder) {
  std::set<Labels> all;
  size_t plain = 0;
  for (int i = 0; i < 40'000; ++i) {
    const Labels labels{{"__name__", fmt::format("node_metric_{:03}_total", i % 40)},
                        {"cluster", "eu-1"},
                        {"instance", fmt::format("10.0.{}.{}:9100", i / 40 / 250, i / 40 % 250)},
                        {"job", fmt::format("job-{}", i / 40 % 20)}};
    all.insert(labels);
    plain += labels.bytes().size();
  }
  PackedLabels packed;
  for (const Labels& labels : all) packed.Append(labels);
  EXPECT_LT(packed.heap_bytes() * 3, plain);
}

}  // namespace
}  // namespace model
