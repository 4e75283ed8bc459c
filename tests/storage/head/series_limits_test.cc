#include "storage/head/series_limits.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "storage/head/head.h"

namespace storage {
namespace {

model::Labels Series(std::string metric, std::string job, int pod) {
  return model::Labels::FromPairs({{"__name__", std::move(metric)},
                                   {"job", std::move(job)},
                                   {"pod", fmt::format("p{}", pod)},
                                   {"zone", "a"}});
}

Outcome Append(Head* head, const model::Labels& labels, model::TimeMs t) {
  const auto appender = head->NewAppender();
  const Appended appended = appender->Append(SeriesRef::kNone, labels, {t, 1});
  EXPECT_TRUE(appender->Commit().ok());
  return appended.outcome;
}

SeriesLimitReport::Entry Entry(const Head& head, SeriesLimit limit) {
  return head.limits().entries[static_cast<size_t>(limit)];
}

TEST(SeriesLimitsTest, EachRefusesOnlyNewSeriesAndOnlyItsOwn) {
  Head head({.limits = {.max_series = 8, .max_series_per_job = 5, .max_series_per_metric = 3}});
  for (int i = 0; i < 3; ++i) ASSERT_EQ(Append(&head, Series("m", "a", i), 1), Outcome::kAccepted);
  EXPECT_EQ(Append(&head, Series("m", "a", 3), 1), Outcome::kLimited);
  EXPECT_EQ(Append(&head, Series("m", "b", 3), 1), Outcome::kLimited);
  EXPECT_EQ(Append(&head, Series("n", "a", 0), 1), Outcome::kAccepted);
  EXPECT_EQ(Append(&head, Series("n", "a", 1), 1), Outcome::kAccepted);
  EXPECT_EQ(Append(&head, Series("n", "a", 2), 1), Outcome::kLimited);  // Job a is full.
  for (int i = 0; i < 3; ++i) ASSERT_EQ(Append(&head, Series("o", "b", i), 1), Outcome::kAccepted);
  EXPECT_EQ(Append(&head, Series("p", "c", 0), 1), Outcome::kLimited);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Append(&head, Series("m", "a", i), 2), Outcome::kAccepted);

  EXPECT_EQ(Entry(head, SeriesLimit::kPerMetric).refused, 2u);
  EXPECT_EQ(Entry(head, SeriesLimit::kPerMetric).current, 3u);
  EXPECT_EQ(Entry(head, SeriesLimit::kPerMetric).fullest, "m");
  EXPECT_EQ(Entry(head, SeriesLimit::kPerJob).refused, 1u);
  EXPECT_EQ(Entry(head, SeriesLimit::kPerJob).current, 5u);
  EXPECT_EQ(Entry(head, SeriesLimit::kPerJob).fullest, "a");
  EXPECT_EQ(Entry(head, SeriesLimit::kTotal).refused, 1u);
  EXPECT_EQ(Entry(head, SeriesLimit::kTotal).current, 8u);
  EXPECT_EQ(head.info().num_series, 8u);
}

TEST(SeriesLimitsTest, NamesTheLabelThatGrew) {
  Head head({.limits = {.max_series_per_metric = 2}});
  for (int i = 0; i < 2; ++i) Append(&head, Series("calm", "a", i), 1);
  for (int i = 0; i < 2; ++i) Append(&head, Series("wild", "a", i), 1);
  for (int round = 0; round < 2; ++round) {  // A scrape comes again with what was refused.
    for (int i = 2; i < 5002; ++i) Append(&head, Series("wild", "a", i), 1);
  }
  for (int i = 2; i < 10; ++i) Append(&head, Series("calm", "a", i), 1);

  const std::vector<Culprit> culprits = head.limits().culprits;
  ASSERT_EQ(culprits.size(), 2u);
  EXPECT_EQ(culprits[0].metric, "wild");
  EXPECT_EQ(culprits[0].label, "pod");
  EXPECT_EQ(culprits[0].refused_samples, 10'000u);
  EXPECT_NEAR(static_cast<double>(culprits[0].refused_series), 5000, 1500);
  EXPECT_NEAR(static_cast<double>(culprits[0].distinct_values), 5000, 1500);
  EXPECT_EQ(culprits[1].metric, "calm");
  EXPECT_EQ(culprits[1].label, "pod");
  EXPECT_EQ(culprits[1].distinct_values, 8u);
}

TEST(RefusedSketchTest, ForgetsAfterTwoWindowsAndKeepsTheBusiestMetrics) {
  RefusedSketch sketch;
  for (int i = 0; i < 100; ++i) sketch.Note(Series("big", "a", i), 1'000'000);
  for (int i = 0; i < 200; ++i) sketch.Note(Series(fmt::format("m{}", i), "a", 0), 1'000'000);
  EXPECT_EQ(sketch.Culprits(1'000'001).size(), RefusedSketch::kMetrics);
  EXPECT_EQ(sketch.Culprits(1'000'001)[0].metric, "big");
  sketch.Note(Series("late", "a", 0), 1'000'000 + RefusedSketch::kWindowMs);
  EXPECT_EQ(sketch.Culprits(1'000'000 + RefusedSketch::kWindowMs)[0].metric, "big");
  sketch.Note(Series("later", "a", 0), 1'000'000 + 2 * RefusedSketch::kWindowMs);
  EXPECT_EQ(sketch.Culprits(1'000'000 + 2 * RefusedSketch::kWindowMs).size(), 2u);
  EXPECT_TRUE(sketch.Culprits(1'000'000 + 5 * RefusedSketch::kWindowMs).empty());
}

TEST(AdmissionTest, ClosedGatesRefuseWithTheirReasonAndCount) {
  Admission admission;
  Head head({.admission = &admission});
  ASSERT_EQ(Append(&head, Series("m", "a", 0), 1), Outcome::kAccepted);
  admission.Close(Admission::Gate::kNewSeries, "memory");
  EXPECT_EQ(Append(&head, Series("m", "a", 1), 2), Outcome::kLimited);
  EXPECT_EQ(Append(&head, Series("m", "a", 0), 2), Outcome::kAccepted);
  EXPECT_EQ(Entry(head, SeriesLimit::kMemory).refused, 1u);
  admission.Open(Admission::Gate::kNewSeries);
  EXPECT_EQ(Append(&head, Series("m", "a", 1), 3), Outcome::kAccepted);

  admission.Close(Admission::Gate::kDisk, "the disk is full");
  const auto appender = head.NewAppender();
  appender->Append(SeriesRef::kNone, Series("m", "a", 0), {4, 1});
  const absl::Status refused = appender->Commit();
  EXPECT_TRUE(absl::IsUnavailable(refused));
  EXPECT_EQ(refused.message(), "the disk is full");
  EXPECT_EQ(admission.refused_samples(), 1u);
  EXPECT_EQ(head.info().num_samples, 4u - 1u);
  admission.Close(Admission::Gate::kLog, "no log");
  admission.Open(Admission::Gate::kDisk);
  EXPECT_EQ(admission.CheckCommit(1).message(), "no log");
  admission.Open(Admission::Gate::kLog);
  EXPECT_TRUE(admission.CheckCommit(1).ok());
  EXPECT_TRUE(admission.CheckQuery().ok());
  admission.Close(Admission::Gate::kQueries, "busy");
  EXPECT_TRUE(absl::IsResourceExhausted(admission.CheckQuery()));
  EXPECT_EQ(admission.refused_queries(), 1u);
}

}  // namespace
}  // namespace storage
