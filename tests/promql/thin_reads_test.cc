// Over blocks the engine reads no more than a function looks at. Over memory it reads all: answers
// must be the same to the bit, and so must be the number of samples they tell of.
#include <gtest/gtest.h>

#include <bit>
#include <random>

#include "promql/engine.h"
#include "storage/base/status.h"
#include "storage/block/block_store.h"
#include "storage/merge.h"
#include "promql/testing/memory_queryable.h"
#include "tests/testing/seed.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/window_figures.h"

namespace promql {
namespace {

constexpr int kSamples = 6000;  // One a second.

class Blocks final : public storage::Queryable {
 public:
  explicit Blocks(const std::string& dir) : store_(*storage::BlockStore::Open(dir, 8 << 20)) {}
  absl::StatusOr<std::unique_ptr<storage::Querier>> NewQuerier(model::TimeRange range) override {
    return storage::MergeQueriers(*store_->NewQueriers(range));
  }
  storage::BlockStore& store() { return *store_; }

 private:
  std::unique_ptr<storage::BlockStore> store_;
};

// Blocks of a third of the time each.
void Fill(std::mt19937& random, promql_test::MemoryQueryable* memory, Blocks* blocks) {
  constexpr int kSeries = 12;
  std::vector<double> values(kSeries, 1);
  std::vector<int> kinds(kSeries);
  for (int third = 0; third < 3; ++third) {
    auto writer = *blocks->store().NewBlock({.level = 2});
    for (int s = 0; s < kSeries; ++s) {
      const model::Labels labels{{"__name__", s < 6 ? "a" : "b_total"}, {"s", fmt::format("{:02}", s)}};
      chunk::SampleColumns samples;
      for (int i = third * kSamples / 3; i < (third + 1) * kSamples / 3; ++i) {
        if (random() % 60 == 0) continue;
        if (random() % 3000 == 0) ++kinds[s];
        values[s] = testing_support::NextValue(random, s + kinds[s], values[s]);
        samples.times.push_back(i * 1000 + s);
        samples.values.push_back(values[s]);
        memory->Add(labels, samples.times.back(), values[s]);
      }
      ASSERT_TRUE(writer->AddSamples(labels, samples).ok());
    }
    ASSERT_TRUE(writer->Publish().ok());
  }
}

std::string Print(const std::vector<Series>& matrix) {
  std::string out;
  for (const Series& s : matrix) {
    out += s.labels.ToString();
    for (const model::Sample& p : s.points) {
      out += fmt::format(" {:x}@{}", std::bit_cast<uint64_t>(p.v), p.t);
    }
    out += "\n";
  }
  return out;
}

TEST(ThinReads, GiveTheAnswersOfWholeOnes) {
  static constexpr const char* kFunctions[] = {
      "absent_over_time",   "avg_over_time",    "changes",          "count_over_time",
      "delta",              "deriv",            "first_over_time",  "idelta",
      "increase",           "irate",            "last_over_time",   "mad_over_time",
      "max_over_time",      "min_over_time",    "present_over_time", "rate",
      "resets",             "stddev_over_time", "sum_over_time",    "ts_of_first_over_time",
      "ts_of_last_over_time", "ts_of_max_over_time", "ts_of_min_over_time"};
  const uint32_t seed = testing_support::Seed();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  promql_test::MemoryQueryable memory;
  const testing_support::TempDir temp;
  Blocks blocks(temp.path() + "/blocks");
  Fill(random, &memory, &blocks);
  Engine::Options options;
  options.features.experimental_functions = true;
  Engine engine(options);
  int filled = 0;
  for (int round = 0; round < 400; ++round) {
    const int step = below(3) == 0 ? 1 + below(60) : 60 + below(2500);
    const int range = below(3) == 0 ? step * (1 + below(3)) : 1 + below(below(2) ? 100 : kSamples);
    std::string query = below(2) ? "a" : "b_total";
    const char* const function = kFunctions[below(std::size(kFunctions))];
    if (round % 10 > 0) query += fmt::format("[{}s]", range);
    if (below(3) == 0) query += fmt::format(" offset {}s", below(500) - 100);
    if (below(8) == 0) query += fmt::format(" @ {}", below(kSamples));
    if (round % 10 > 0) query = fmt::format("{}({})", function, query);
    if (below(4) == 0) query = "sum(" + query + ")";
    Grid grid{below(kSamples) * 1000, 0, step * 1000};
    grid.end = grid.start + (below(4) == 0 ? 0 : below(30) * grid.step_ms);
    const auto want = engine.Evaluate(query, grid, &memory);
    const auto got = engine.Evaluate(query, grid, &blocks);
    SCOPED_TRACE(fmt::format("{} from {} to {} by {}", query, grid.start, grid.end, grid.step_ms));
    ASSERT_TRUE(want.ok() && got.ok()) << want.status() << got.status();
    ASSERT_EQ(Print(got->value.matrix), Print(want->value.matrix));
    EXPECT_EQ(got->stats.samples, want->stats.samples);
    filled += !want->value.matrix.empty();
  }
  EXPECT_GT(filled, 150);
  ASSERT_TRUE(blocks.store().Close().ok());
}

}  // namespace
}  // namespace promql
