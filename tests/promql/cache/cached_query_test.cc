// What makes kept steps wrong, one reason at a time: were it not seen, CachedStore::Ask would tell a
// difference between the kept answer and a fresh one.
#include "promql/cache/cached_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compaction/compactor.h"
#include "promql/cache/cache_file.h"
#include "tests/promql/cache/cached_store.h"

namespace promql {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kHit = CacheOutcome::kHit;
constexpr auto kPartial = CacheOutcome::kPartial;
constexpr auto kMiss = CacheOutcome::kMiss;
constexpr auto kNone = CacheOutcome::kNone;

constexpr std::string_view kRate = "sum by (a) (rate(x_total[5m]))";

class CachedQueryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    store_.Fill({"x_total{a=\"1\"}", "x_total{a=\"2\"}"}, 0, 7200);
  }
  int cached_steps() const { return store_.last.stats.cached_steps; }

  CachedStore store_;
};

TEST_F(CachedQueryTest, TheSameAgainIsAHitAndASlidingOneEvaluatesTheRest) {
  EXPECT_EQ(store_.Ask(kRate, 600, 6000, 60), kMiss);
  EXPECT_EQ(store_.Ask(kRate, 600, 6000, 60), kHit);
  EXPECT_EQ(cached_steps(), 91);
  EXPECT_EQ(store_.last.stats.samples_read, 0);
  EXPECT_EQ(store_.Ask(kRate, 660, 6060, 60), kPartial);
  EXPECT_EQ(cached_steps(), 90);
  EXPECT_EQ(store_.Ask(kRate, 480, 5880, 60), kPartial);  // Back again, and further.
  EXPECT_EQ(store_.Ask(kRate, 360, 7200, 60), kPartial);  // To both sides.
  EXPECT_EQ(store_.Ask(kRate, 1200, 1800, 60), kHit);     // A part of it.
  EXPECT_EQ(store_.Ask(kRate, 1200, 1817, 60), kHit);     // The end need not be a step.
}

TEST_F(CachedQueryTest, AShortRangeDoesNotDriveOutALongOne) {
  store_.Ask(kRate, 600, 6000, 60);
  EXPECT_EQ(store_.Ask(kRate, 5400, 6060, 60), kPartial);
  EXPECT_EQ(store_.Ask(kRate, 660, 6060, 60), kPartial);
  EXPECT_GT(cached_steps(), 80);
}

TEST_F(CachedQueryTest, StepsOfAnotherPhaseLookbackOrSubqueryStepAreOthers) {
  constexpr std::string_view kQuery = "max_over_time(x_total[5m:])";
  EXPECT_EQ(store_.Ask(kQuery, 600, 6000, 60), kMiss);
  EXPECT_EQ(store_.Ask(kQuery, 601, 6000, 60), kMiss);
  EXPECT_EQ(store_.Ask(kQuery, 600, 6000, 120), kMiss);
  store_.engine->set_default_subquery_step(absl::Seconds(37));
  EXPECT_EQ(store_.Ask(kQuery, 600, 6000, 60), kMiss);
  QueryOptions options;
  options.use_cache = true;
  options.lookback = absl::Seconds(10);
  const auto shorter = store_.engine->Evaluate(kQuery, {600'000, 6'000'000, 60'000},
                                               store_.db.get(), options);
  ASSERT_TRUE(shorter.ok());
  EXPECT_EQ(shorter->stats.cached, kMiss);
}

TEST_F(CachedQueryTest, WhatBeginsAnywhereIsKeptOnlyWhenAskedForTwice) {
  EXPECT_EQ(store_.Ask(kRate, 601, 6000, 60), kMiss);
  EXPECT_EQ(store_.Ask(kRate, 601, 6000, 60), kMiss);
  EXPECT_EQ(store_.Ask(kRate, 601, 6000, 60), kHit);
}

TEST_F(CachedQueryTest, NewSamplesConcernTheStepsThatReachThem) {
  store_.Ask(kRate, 1800, 9000, 60);  // Into the future, as Grafana's ranges are.
  store_.Append("x_total{a=\"1\"}", 7215, 5);  // A reset, to be seen.
  EXPECT_EQ(store_.Ask(kRate, 1800, 9000, 60), kPartial);
  EXPECT_EQ(cached_steps(), (7200 - 1800) / 60 + 1);
}

TEST_F(CachedQueryTest, OneSourceThatLagsBehindIsSeen) {
  store_.Ask(kRate, 1800, 7200, 60);
  store_.Append("x_total{a=\"3\"}", 6900, 5);
  store_.Append("x_total{a=\"3\"}", 6990, 105);
  EXPECT_EQ(store_.Ask(kRate, 1800, 7200, 60), kPartial);
  EXPECT_EQ(cached_steps(), (6900 - 1800) / 60);
}

TEST_F(CachedQueryTest, LateSamplesAreSeen) {
  store_.Ask(kRate, 1800, 7200, 60);
  store_.Append("x_total{a=\"1\"}", 3607, 1e6);
  EXPECT_EQ(store_.Ask(kRate, 1800, 7200, 60), kPartial);
  // Before it, or behind its last window: what is longer.
  EXPECT_EQ(cached_steps(), (7200 - 3900) / 60);
}

TEST_F(CachedQueryTest, DeletedSamplesAreSeen) {
  store_.Flush();  // Else the delete does, and that concerns all of it.
  store_.Ask(kRate, 1800, 7200, 60);
  store_.Delete("x_total{a=\"2\"}", 2000, 3000);
  EXPECT_EQ(store_.Ask(kRate, 1800, 7200, 60), kPartial);
  store_.Delete("x_total{a=\"1\"}", 0, 8000);
  store_.Delete("x_total{a=\"2\"}", 0, 8000);
  EXPECT_EQ(store_.Ask(kRate, 1800, 7200, 60), kMiss);
  EXPECT_THAT(store_.last.value.matrix, IsEmpty());
}

TEST_F(CachedQueryTest, BlocksThatGoAreSeen) {
  store_.Flush();
  store_.Ask(kRate, 1800, 7200, 60);
  for (const auto& meta : store_.db->blocks()->Metas()) {
    ASSERT_TRUE(store_.db->blocks()->Drop(meta.ulid).ok());
  }
  EXPECT_EQ(store_.Ask(kRate, 1800, 7200, 60), kMiss);
  EXPECT_THAT(store_.last.value.matrix, IsEmpty());
}

TEST_F(CachedQueryTest, MergesThatLeaveSeriesOutAreSeen) {
  store_.Flush();
  store_.Ask(kRate, 1800, 7200, 60);
  const compaction::Plan plan = compaction::CleanPlan(store_.db->blocks()->Metas()[0]);
  const auto merged = compaction::Merge(
      plan, store_.db->blocks(), [] { return true; },
      [](model::LabelsView labels) { return labels.Get("a") == "1"; });
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_EQ(store_.Ask(kRate, 1800, 7200, 60), kMiss);
  EXPECT_EQ(store_.last.value.matrix.size(), 1u);
}

TEST_F(CachedQueryTest, DamageThatComesToLightIsSeen) {
  store_.Ask(kRate, 1800, 7200, 60);
  store_.db->blocks()->damage()->Add({.range = {3'000'000, 3'000'000}, .what = "a test"});
  EXPECT_EQ(store_.Ask(kRate, 1800, 7200, 60), kPartial);
}

TEST_F(CachedQueryTest, AFlushCostsItsTimeOnly) {
  store_.Ask(kRate, 1800, 3600, 60);
  store_.Flush();  // 0 .. 7200.
  EXPECT_EQ(store_.Ask(kRate, 1800, 3600, 60), kMiss);
  store_.Fill("x_total{a=\"1\"}", 7215, 9000);
  store_.Ask(kRate, 1800, 9000, 60);
  store_.Flush();  // 7215 .. 9000.
  EXPECT_EQ(store_.Ask(kRate, 1800, 9000, 60), kPartial);
  EXPECT_EQ(cached_steps(), (7200 - 1800) / 60 + 1);
}

TEST_F(CachedQueryTest, NegativeOffsetsLookAhead) {
  constexpr std::string_view kQuery = "max_over_time(x_total[5m] offset -30m)";
  store_.Ask(kQuery, 1800, 5400, 60);
  store_.Append("x_total{a=\"1\"}", 7199, 1e9);  // Late; step 5400 looks at it.
  EXPECT_EQ(store_.Ask(kQuery, 1800, 5400, 60), kPartial);
}

TEST_F(CachedQueryTest, OffsetsLookBack) {
  constexpr std::string_view kQuery = "x_total offset 1h";
  store_.Ask(kQuery, 3600, 9000, 60);
  store_.Append("x_total{a=\"1\"}", 4801, 1e9);  // Steps from 8401 on.
  EXPECT_EQ(store_.Ask(kQuery, 3600, 9000, 60), kPartial);
  EXPECT_EQ(cached_steps(), 80 + 1);
}

TEST_F(CachedQueryTest, SmoothedRangesLookAhead) {
  constexpr std::string_view kQuery = "increase(x_total[5m] smoothed)";
  store_.Ask(kQuery, 1800, 7200, 60);
  store_.Append("x_total{a=\"1\"}", 6421, 1e9);
  EXPECT_EQ(store_.Ask(kQuery, 1800, 7200, 60), kPartial);
  EXPECT_EQ(cached_steps(), (6120 - 1800) / 60 + 1);
}

TEST_F(CachedQueryTest, WhatAnAtFixesConcernsEveryStep) {
  constexpr std::string_view kQuery = "x_total / (x_total @ 3600)";
  EXPECT_EQ(store_.Ask("sum(x_total @ 3600)", 1800, 7200, 60), kMiss);
  store_.Ask(kQuery, 1800, 7200, 60);
  EXPECT_EQ(store_.Ask(kQuery, 1860, 7260, 60), kPartial);
  store_.Append("x_total{a=\"1\"}", 4000, 77);  // Others than at 3600.
  EXPECT_EQ(store_.Ask(kQuery, 1860, 7260, 60), kPartial);
  store_.Append("x_total{a=\"1\"}", 3599, 77);
  EXPECT_EQ(store_.Ask(kQuery, 1860, 7260, 60), kMiss);
}

TEST_F(CachedQueryTest, SubqueriesReachAsFarAsTheirPartsTogether) {
  constexpr std::string_view kQuery =
      "max_over_time(sum(rate(x_total[5m] offset 10m))[20m:1m])";
  store_.Ask(kQuery, 3600, 7200, 60);
  store_.Append("x_total{a=\"1\"}", 5101, 1e9);  // 35 minutes are reached: to step 7201.
  EXPECT_EQ(store_.Ask(kQuery, 3600, 7200, 60), kPartial);
  EXPECT_EQ(cached_steps(), (5100 + 600 - 3600) / 60 + 1);
}

TEST_F(CachedQueryTest, AnInfoOnTheNameOfACounterComesWithTheAnswer) {
  store_.Fill("y{a=\"1\"}", 0, 7200);
  constexpr std::string_view kQuery = "sum(rate(y[5m]))";
  EXPECT_EQ(store_.Ask(kQuery, 1800, 7200, 60), kMiss);
  EXPECT_THAT(store_.last.annotations.infos, ElementsAre(HasSubstr("might not be a counter")));
  EXPECT_EQ(store_.Ask(kQuery, 1800, 7200, 60), kHit);
  EXPECT_EQ(store_.Ask(kQuery, 1860, 7260, 60), kPartial);
  EXPECT_EQ(store_.Ask("sum( rate(y[5m]))", 1800, 7200, 60), kMiss);  // Its place is another.
  // Where nothing gives the info, there is none.
  EXPECT_EQ(store_.Ask(kQuery, 1860, 14400, 60), kPartial);
  EXPECT_EQ(store_.Ask(kQuery, 9000, 14400, 60), kMiss);
  EXPECT_THAT(store_.last.annotations.infos, IsEmpty());
}

TEST_F(CachedQueryTest, AnswersWithWarningsAreNotKept) {
  store_.Ask("quantile(2, x_total)", 1800, 7200, 60);
  EXPECT_THAT(store_.last.annotations.warnings, ::testing::SizeIs(1));
  EXPECT_EQ(store_.Ask("quantile(2, x_total)", 1800, 7200, 60), kMiss);
}

TEST_F(CachedQueryTest, ErrorsAreNotKeptAndComeAsTheyAre) {
  constexpr std::string_view kQuery = "x_total + on () x_total";
  store_.Ask(kQuery, 9000, 12000, 60);  // There is nothing.
  EXPECT_EQ(store_.last_error, "");
  store_.Ask(kQuery, 6000, 12000, 60);  // The part of it that is new is in error.
  EXPECT_THAT(store_.last_error, HasSubstr("many-to-many"));
}

TEST_F(CachedQueryTest, HistogramsAreNotKept) {
  model::FloatHistogram h;
  h.count = h.zero_count = 1;
  for (int t = 7215; t < 8000; t += 15) {
    const auto appender = store_.db->NewAppender();
    appender->AppendHistogram(storage::SeriesRef::kNone,
                              model::Labels{{"__name__", "x_total"}, {"a", "3"}}, t * 1000, h);
    ASSERT_TRUE(appender->Commit().ok());
  }
  store_.Ask("x_total", 1800, 8000, 60);
  EXPECT_EQ(store_.Ask("x_total", 1800, 8000, 60), kMiss);
  // Of what is made of them there may be floats only.
  store_.Ask("histogram_count(x_total)", 1800, 8000, 60);
  EXPECT_EQ(store_.Ask("histogram_count(x_total)", 1800, 8000, 60), kHit);
}

TEST_F(CachedQueryTest, FiguresOfTheWholeAreNotMadeOfParts) {
  store_.Ask(kRate, 600, 6000, 60);
  QueryOptions options;
  options.use_cache = true;
  options.analyze = true;
  const auto result =
      store_.engine->Evaluate(kRate, {600'000, 6'000'000, 60'000}, store_.db.get(), options);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->stats.cached, kNone);
  EXPECT_GT(result->stats.samples_read, 0);
}

TEST_F(CachedQueryTest, NobodyIsAskedWithoutACacheOrBeforeItIsWanted) {
  const Grid grid{600'000, 6'000'000, 60'000};
  const auto plain = store_.engine->Evaluate(kRate, grid, store_.db.get());
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->stats.cached, kNone);
  EXPECT_EQ(store_.engine->result_cache()->stats().entries, 0);
  Engine without({});
  QueryOptions options;
  options.use_cache = true;
  const auto result = without.Evaluate(kRate, grid, store_.db.get(), options);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->stats.cached, kNone);
}

// Which of equal values topk keeps hangs on the order of its input; groups come in the order of their
// first series, and a series may be there in one range and not in another.
TEST_F(CachedQueryTest, TiesAmongGroupsAreNotKept) {
  store_.Fill("z_total{g=\"1\",s=\"9\"}", 0, 7200);
  store_.Fill("z_total{g=\"2\",s=\"5\"}", 0, 7200);
  store_.Fill("z_total{g=\"1\",s=\"1\"}", 0, 1000, 15, 0);
  constexpr std::string_view kTie = "topk(1, max by (g) (z_total))";
  store_.Ask(kTie, 600, 6000, 60);
  EXPECT_EQ(store_.Ask(kTie, 600, 6000, 60), kMiss);
  EXPECT_EQ(store_.Ask(kTie, 2400, 6060, 60), kMiss);
  constexpr std::string_view kNoTie = "topk(1, sum by (g) (z_total + 0))";
  store_.Fill("z_total{g=\"3\",s=\"1\"}", 0, 7200, 15, 1000);
  store_.Ask(kNoTie, 600, 6000, 60);
  EXPECT_EQ(store_.Ask(kNoTie, 600, 6000, 60), kHit);
}

// Saved and loaded as the server does.
class CacheFileTest : public CachedQueryTest {
 protected:
  std::string path() const { return store_.temp.path() + "/results"; }
  void Restart(std::string_view load_as = "") {
    ASSERT_TRUE(store_.db
                    ->Close([&] {
                      id_ = store_.db->Fingerprint();
                      ASSERT_TRUE(SaveCache(*store_.engine->result_cache(), *store_.db->changes(),
                                            id_, path())
                                      .ok());
                    })
                    .ok());
    store_.Reopen();
    LoadCache(path(), load_as.empty() ? store_.db->Fingerprint() : std::string(load_as),
              store_.db->changes(), store_.engine->result_cache());
  }
  std::string id_;
};

TEST_F(CacheFileTest, OutlivesAnOrderlyStop) {
  store_.Flush();
  store_.Fill("x_total{a=\"1\"}", 7215, 9000);
  store_.Ask(kRate, 1800, 9000, 60);
  Restart();
  EXPECT_EQ(store_.db->Fingerprint(), id_);
  EXPECT_EQ(store_.Ask(kRate, 1800, 9000, 60), kPartial);
  EXPECT_EQ(cached_steps(), (7200 - 1800) / 60 + 1);  // The rest was flushed at the stop.
  store_.Append("x_total{a=\"1\"}", 3607, 1e6);
  EXPECT_EQ(store_.Ask(kRate, 1800, 9000, 60), kPartial);
}

TEST_F(CacheFileTest, IsGoodForOneStartAndForTheSameSamples) {
  store_.Flush();
  store_.Ask(kRate, 1800, 7200, 60);
  Restart("of others");
  EXPECT_EQ(store_.engine->result_cache()->stats().entries, 0);
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(CacheFileTest, FingerprintsTellDeletesAndBlocks) {
  store_.Flush();
  const std::string before = store_.db->Fingerprint();
  store_.Delete("x_total{a=\"2\"}", 2000, 3000);
  const std::string deleted = store_.db->Fingerprint();
  EXPECT_NE(before, deleted);
  store_.Fill("x_total{a=\"1\"}", 7215, 9000);
  EXPECT_EQ(store_.db->Fingerprint(), deleted);
  store_.Flush();
  EXPECT_NE(store_.db->Fingerprint(), deleted);
}

TEST_F(CacheFileTest, AnyDamageIsNoticed) {
  store_.Ask(kRate, 1800, 7200, 60);
  store_.Ask("x_total @ 5", 1800, 7200, 60);
  const auto entries = store_.engine->result_cache()->List();
  const std::string bytes = EncodeCache("id", entries);
  ASSERT_TRUE(DecodeCache(bytes, "id").has_value());
  EXPECT_EQ(EncodeCache("id", *DecodeCache(bytes, "id")), bytes);
  EXPECT_FALSE(DecodeCache(bytes, "other").has_value());
  for (size_t i = 0; i < bytes.size(); i += 1 + i / 20) {
    std::string damaged = bytes;
    damaged[i] ^= 1;
    EXPECT_FALSE(DecodeCache(damaged, "id").has_value()) << i;
    EXPECT_FALSE(DecodeCache(bytes.substr(0, i), "id").has_value()) << i;
  }
}

}  // namespace
}  // namespace promql
