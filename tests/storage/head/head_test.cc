#include "storage/head/head.h"

#include <fstream>

#include "tests/storage/head/head_fixture.h"

namespace storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class HeadTest : public HeadFixture {
 protected:
  const Labels up_{{"__name__", "up"}, {"job", "node"}};
  const Labels down_{{"__name__", "down"}, {"job", "node"}};
};

TEST_F(HeadTest, ShowsWhatWasCommitted) {
  ASSERT_TRUE(Append({{up_, {1000, 1}}, {down_, {1000, 2}}}).ok());
  EXPECT_EQ(InHead(), (SampleModel{{up_, Samples({{1000, 1}})}, {down_, Samples({{1000, 2}})}}));
}

TEST_F(HeadTest, JudgesBySpec) {
  EXPECT_EQ(AppendOne(up_, 10'000'000, 1), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(up_, 10'000'001, 2), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(up_, 10'000'001, 2), Outcome::kAccepted);  // An exact repeat.
  EXPECT_EQ(AppendOne(up_, 10'000'001, 3), Outcome::kDuplicate);
  EXPECT_EQ(AppendOne(up_, 10'000'000, 1), Outcome::kOutOfOrder);
  EXPECT_EQ(AppendOne(up_, 10'000'001 - 3'600'000, 1), Outcome::kOutOfOrder);
  EXPECT_EQ(AppendOne(up_, 10'000'001 - 3'600'001, 1), Outcome::kOutOfBounds);
  EXPECT_EQ(AppendOne(down_, 10'000'001 - 3'600'001, 1), Outcome::kOutOfBounds);
  EXPECT_EQ(AppendOne(down_, 10'000'001 - 3'600'000, 1), Outcome::kAccepted);
  EXPECT_EQ(InHead()[up_], Samples({{10'000'000, 1}, {10'000'001, 2}}));
  const HeadStats stats = head_->stats();
  EXPECT_EQ(stats.samples_appended, 3u);
  EXPECT_EQ(stats.duplicates, 1u);
  EXPECT_EQ(stats.out_of_order, 2u);
  EXPECT_EQ(stats.out_of_bounds, 2u);
}

TEST_F(HeadTest, AnEmptyHeadTakesAnyTime) {
  EXPECT_EQ(AppendOne(up_, -5'000'000'000, 1), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(up_, 5'000'000'000, 1), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(up_, std::numeric_limits<int64_t>::max(), 1), Outcome::kAccepted);
  EXPECT_EQ(InHead()[up_].size(), 3u);
}

TEST_F(HeadTest, TheFirstSampleOfAnEmptyHeadSetsTheBoundsOfItsBatch) {
  auto appender = head_->NewAppender();
  EXPECT_EQ(appender->Append({}, up_, {10'000'000, 1}).outcome, Outcome::kAccepted);
  EXPECT_EQ(appender->Append({}, down_, {1, 1}).outcome, Outcome::kOutOfBounds);
}

TEST_F(HeadTest, NansAreComparedByTheirBits) {
  EXPECT_EQ(AppendOne(up_, 1000, model::StaleNan()), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(up_, 1000, model::StaleNan()), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(up_, 1000, model::NormalNan()), Outcome::kDuplicate);
  EXPECT_EQ(InHead()[up_], Samples({{1000, model::StaleNan()}}));
}

TEST_F(HeadTest, LabelsMustBeThereAndCanonical) {
  EXPECT_EQ(AppendOne(Labels(), 1000, 1), Outcome::kInvalidLabels);
  EXPECT_EQ(AppendOne(Labels::FromCanonical("garbage"), 1000, 1), Outcome::kInvalidLabels);
  EXPECT_EQ(AppendOne(Labels::FromCanonical(std::string("\1b\1x\1a\1x", 8)), 1000, 1),
            Outcome::kInvalidLabels);
  EXPECT_EQ(head_->info().num_series, 0u);
}

TEST_F(HeadTest, AGoodHintNeedsNoLabels) {
  auto appender = head_->NewAppender();
  const SeriesRef ref = appender->Append({}, up_, {1000, 1}).ref;
  ASSERT_TRUE(appender->Commit().ok());
  appender = head_->NewAppender();
  const Appended appended = appender->Append(ref, {}, {2000, 2});
  EXPECT_EQ(appended.ref, ref);
  EXPECT_EQ(appended.outcome, Outcome::kAccepted);
  ASSERT_TRUE(appender->Commit().ok());
  EXPECT_EQ(InHead()[up_].size(), 2u);
}

TEST_F(HeadTest, AKeyOfWireLabelsFindsTheSeriesAndNoOther) {
  ASSERT_EQ(AppendOne({{"__name__", "up"}, {"job", "a"}}, 1000, 1), Outcome::kAccepted);
  std::string wire;
  model::AppendWireLabels(Labels{{"__name__", "up"}, {"job", "a"}}, &wire);
  auto appender = head_->NewAppender();
  const SeriesKey known = appender->Key(wire);
  const SeriesKey unknown = appender->Key(wire + "x");
  EXPECT_EQ(appender->AppendKnown(known, {2000, 2}).outcome, Outcome::kAccepted);
  EXPECT_EQ(appender->AppendKnown(known, {500, 2}).outcome, Outcome::kOutOfOrder);
  EXPECT_EQ(appender->AppendKnown(unknown, {2000, 2}).outcome, Outcome::kInvalidLabels);
  ASSERT_TRUE(appender->Commit().ok());
  appender.reset();
  Start();  // The hash is seeded anew.
  auto again = head_->NewAppender();
  EXPECT_EQ(again->AppendKnown(again->Key(wire), {3000, 3}).outcome, Outcome::kAccepted);
}

TEST_F(HeadTest, AStaleHintIsHealedByLabels) {
  auto appender = head_->NewAppender();
  EXPECT_EQ(appender->Append(SeriesRef{999}, {}, {1000, 1}).outcome, Outcome::kInvalidLabels);
  EXPECT_EQ(appender->Append(SeriesRef{~uint64_t{0}}, up_, {1000, 1}).outcome, Outcome::kAccepted);
  ASSERT_TRUE(appender->Commit().ok());
  EXPECT_EQ(InHead()[up_].size(), 1u);
}

TEST_F(HeadTest, ADroppedAppenderLeavesNoTrace) {
  {
    auto appender = head_->NewAppender();
    appender->Append({}, up_, {1000, 1});
    appender->Append({}, up_, {0, 1});
  }
  EXPECT_TRUE(InHead().empty());
  auto querier = head_->NewQuerier({});
  EXPECT_THAT(*querier->LabelNames({}, 0), IsEmpty());
  EXPECT_THAT(*querier->LabelValues("job", {}, 0), IsEmpty());
  EXPECT_EQ(head_->stats().samples_appended, 0u);
  EXPECT_EQ(head_->stats().series_created, 0u);
  EXPECT_EQ(head_->stats().out_of_order, 0u);
  EXPECT_EQ(head_->max_time(), kNever);
  querier.reset();
  Flush(kNever + 1);
  EXPECT_EQ(head_->info().num_series, 0u);
}

TEST_F(HeadTest, WhatIsOvertakenBeforeCommitIsDroppedAndCounted) {
  auto late = head_->NewAppender();
  EXPECT_EQ(late->Append({}, up_, {1000, 1}).outcome, Outcome::kAccepted);
  EXPECT_EQ(late->Append({}, down_, {1000, 1}).outcome, Outcome::kAccepted);
  ASSERT_TRUE(Append({{up_, {2000, 2}}}).ok());
  ASSERT_TRUE(late->Commit().ok());
  EXPECT_EQ(InHead(), (SampleModel{{up_, Samples({{2000, 2}})}, {down_, Samples({{1000, 1}})}}));
  EXPECT_EQ(head_->stats().out_of_order, 1u);
}

TEST_F(HeadTest, ABatchMayHoldManySamplesOfASeries) {
  std::vector<std::pair<Labels, model::Sample>> batch;
  SeriesSamples want;
  for (int i = 0; i < 500; ++i) {  // Seals on the way.
    batch.push_back({up_, {1000 * i, i * 0.5}});
    want[1000 * i] = testing_support::Bits(i * 0.5);
  }
  ASSERT_TRUE(Append(batch).ok());
  EXPECT_EQ(InHead()[up_], want);
  EXPECT_EQ(head_->info().num_chunks, 5u);
  EXPECT_EQ(head_->info().num_samples, 500u);
  EXPECT_EQ(ReadAll(head_->NewQuerier({}).get(), {}, {150'000, 152'000})[up_].size(), 3u);
}

TEST_F(HeadTest, CommitIsForOnce) {
  auto appender = head_->NewAppender();
  ASSERT_TRUE(appender->Commit().ok());
  EXPECT_EQ(appender->Commit().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(HeadTest, AFailedLogLeavesTheHeadAsItWas) {
  ASSERT_TRUE(Append({{up_, {1000, 1}}}).ok());
  const HeadInfo before = head_->info();
  files_.FailAfter(0);
  EXPECT_EQ(Append({{up_, {2000, 2}}, {down_, {2000, 2}}}).code(), absl::StatusCode::kUnavailable);
  files_.Heal();
  EXPECT_EQ(InHead(), (SampleModel{{up_, Samples({{1000, 1}})}}));
  EXPECT_EQ(head_->info().num_samples, before.num_samples);
  EXPECT_EQ(head_->info().range, before.range);
  EXPECT_EQ(head_->stats().samples_appended, 1u);
  EXPECT_THAT(*head_->NewQuerier({})->LabelValues("__name__", {}, 0), ElementsAre("up"));
  // The series that the failed batch made is logged when it comes again.
  ASSERT_TRUE(Append({{up_, {2000, 2}}, {down_, {2000, 2}}}).ok());
  const SampleModel all = InHead();
  Start();
  EXPECT_EQ(InHead(), all);
  EXPECT_EQ(replayed_.unknown_series, 0u);
}

TEST_F(HeadTest, RefusesNewSeriesAboveTheLimit) {
  options_.limits.max_series = 1;
  Start();
  EXPECT_EQ(AppendOne(up_, 1000, 1), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(down_, 1000, 1), Outcome::kLimited);
  EXPECT_EQ(AppendOne(up_, 2000, 1), Outcome::kAccepted);
}

TEST_F(HeadTest, AQuerierSeesNothingCommittedAfterIt) {
  ASSERT_TRUE(Append({{up_, {1000, 1}}}).ok());
  auto querier = head_->NewQuerier({});
  for (int i = 2; i <= 300; ++i) {  // Over several chunks.
    ASSERT_TRUE(Append({{up_, {1000 * i, 1}}, {down_, {1000 * i, 1}}}).ok());
  }
  EXPECT_EQ(ReadAll(querier.get()), (SampleModel{{up_, Samples({{1000, 1}})}}));
  EXPECT_EQ(InHead()[up_].size(), 300u);
}

TEST_F(HeadTest, EachQuerierHasItsOwnMoment) {
  std::vector<std::unique_ptr<Querier>> queriers;
  for (int i = 0; i < 10; ++i) {
    queriers.push_back(head_->NewQuerier({}));
    ASSERT_TRUE(Append({{up_, {1000 * i, 1}}, {down_, {1000 * i, 1}}}).ok());
  }
  std::swap(queriers[2], queriers[7]);
  queriers.erase(queriers.begin());
  ASSERT_TRUE(Append({{up_, {100'000, 1}}}).ok());
  EXPECT_EQ(ReadAll(queriers[1].get())[up_].size(), 7u);
  EXPECT_EQ(ReadAll(queriers[6].get())[up_].size(), 2u);
  EXPECT_EQ(ReadAll(queriers[8].get())[down_].size(), 9u);
}

TEST_F(HeadTest, ASelectionOutlivesItsQuerierAndTheHead) {
  ASSERT_TRUE(Append({{up_, {1000, 1}}, {down_, {1000, 2}}}).ok());
  auto querier = head_->NewQuerier({});
  auto selection = *querier->Select({{}, {}});
  querier.reset();
  ASSERT_TRUE(Append({{up_, {2000, 1}}}).ok());
  Flush(kNever + 1'000'000);
  head_.reset();
  EXPECT_EQ(ReadSelection(*selection),
            (SampleModel{{up_, Samples({{1000, 1}})}, {down_, Samples({{1000, 2}})}}));
}

TEST_F(HeadTest, AnswersForLabels) {
  ASSERT_TRUE(Append({{up_, {1000, 1}}, {Labels{{"__name__", "x"}, {"zone", "b"}}, {1000, 1}},
                      {Labels{{"__name__", "y"}, {"zone", "a"}}, {1000, 1}}})
                  .ok());
  auto querier = head_->NewQuerier({});
  EXPECT_THAT(*querier->LabelNames({}, 0), ElementsAre("__name__", "job", "zone"));
  EXPECT_THAT(*querier->LabelNames({}, 2), ElementsAre("__name__", "job"));
  EXPECT_THAT(*querier->LabelValues("zone", {}, 0), ElementsAre("a", "b"));
  EXPECT_THAT(*querier->LabelValues("zone", {}, 1), ElementsAre("a"));
  const std::vector<Matcher> x{Matcher::Equal("__name__", "x")};
  EXPECT_THAT(*querier->LabelNames(x, 0), ElementsAre("__name__", "zone"));
  EXPECT_THAT(*querier->LabelValues("zone", x, 0), ElementsAre("b"));
  EXPECT_THAT(*querier->LabelValues("job", x, 0), IsEmpty());
  EXPECT_THAT(*head_->NewQuerier({0, 999})->LabelNames({}, 0), IsEmpty());
}

TEST_F(HeadTest, SelectionsAreInLabelOrderAlsoForSeriesThatCameLater) {
  std::vector<std::pair<Labels, model::Sample>> batch;
  for (int i = 0; i < 2000; ++i) {
    batch.push_back({Labels{{"__name__", "m"}, {"id", std::to_string(i * 7919 % 2000)}}, {1000, 1}});
  }
  ASSERT_TRUE(Append(batch).ok());
  EXPECT_EQ(InHead().size(), 2000u);  // Checks the order; ranks all.
  batch.clear();
  for (int i = 0; i < 50; ++i) {
    batch.push_back({Labels{{"__name__", "m"}, {"id", std::to_string(i) + "x"}}, {1000, 1}});
  }
  ASSERT_TRUE(Append(batch).ok());
  EXPECT_EQ(InHead().size(), 2050u);  // Sorts the few between the many.
  EXPECT_EQ(ReadAll(head_->NewQuerier({}).get(), {*Matcher::Create(model::MatchType::kRegex, "id", "1.*")})
                .size(), 1111u + 11u);
}

TEST_F(HeadTest, KeepsExemplars) {
  auto appender = head_->NewAppender();
  const SeriesRef up = appender->Append({}, up_, {1000, 1}).ref;
  const SeriesRef down = appender->Append({}, down_, {1000, 1}).ref;
  const model::Exemplar e{Labels{{"trace_id", "a"}}, 0.5, 1000, true};
  EXPECT_TRUE(appender->AppendExemplar(up, e));
  EXPECT_TRUE(appender->AppendExemplar(down, e));
  EXPECT_FALSE(appender->AppendExemplar(SeriesRef{77}, e));
  const std::vector<std::vector<Matcher>> all{{Matcher::Equal("job", "node")}, {Matcher::Equal("__name__", "up")}};
  EXPECT_THAT(*head_->Exemplars(all, {}), IsEmpty());
  ASSERT_TRUE(appender->Commit().ok());
  appender = head_->NewAppender();
  EXPECT_TRUE(appender->AppendExemplar(up, e));  // A repeat changes nothing.
  model::Exemplar older = e;
  older.t = 999;
  EXPECT_FALSE(appender->AppendExemplar(up, older));
  ASSERT_TRUE(appender->Commit().ok());
  appender.reset();

  for (int restart = 0; restart < 3; ++restart) {
    const auto found = head_->Exemplars(all, {});
    ASSERT_EQ(found->size(), 2u);
    EXPECT_EQ((*found)[0].labels, down_);
    EXPECT_EQ((*found)[1].labels, up_);
    EXPECT_EQ((*found)[1].exemplars.size(), 1u);
    EXPECT_EQ((*found)[1].exemplars.at(0).labels.Get("trace_id"), "a");
    EXPECT_EQ((*found)[1].exemplars[0].value, 0.5);
    EXPECT_THAT(*head_->Exemplars(all, {1001, 2000}), IsEmpty());
    Start();
  }
  EXPECT_EQ(head_->stats().exemplars_stored, 2u);
}

TEST_F(HeadTest, GivesExemplarsToAFlushAndKnowsThemAgain) {
  const model::Exemplar e{Labels{{"trace_id", "a"}}, 0.5, 1000, false};
  const std::vector<std::vector<Matcher>> all{{}};
  const auto append = [&](model::Exemplar exemplar) {
    auto appender = head_->NewAppender();
    const SeriesRef up = appender->Append({}, up_, {exemplar.t, 1}).ref;
    EXPECT_TRUE(appender->AppendExemplar(up, exemplar));
    EXPECT_TRUE(appender->Commit().ok());
  };
  append(e);
  ASSERT_TRUE(head_->CutForFlush().ok());  // Given up.
  auto cursor = head_->FlushCursor();
  ASSERT_TRUE(*cursor->Next());
  EXPECT_EQ(cursor->exemplars().size(), 1u);
  EXPECT_FALSE(*cursor->Next());
  EXPECT_THAT(cursor->exemplars(), IsEmpty());
  cursor.reset();
  EXPECT_EQ(head_->Exemplars(all, {})->size(), 1u);
  Flush();
  for (int restart = 0; restart < 3; ++restart) {
    EXPECT_THAT(*head_->Exemplars(all, {}), IsEmpty());
    model::Exemplar again = e;  // The page shows it still.
    again.t = 2000 + restart;
    append(again);
    EXPECT_THAT(*head_->Exemplars(all, {}), IsEmpty());
    if (restart == 1) Flush();
    Start();
  }
  model::Exemplar next = e;
  next.t = 3000;
  next.value = 0.75;
  append(next);
  EXPECT_EQ(head_->Exemplars(all, {})->at(0).exemplars.size(), 1u);
}

TEST_F(HeadTest, DamageInTheLogCostsWhatItHitAndIsReported) {
  for (int i = 1; i <= 2000; ++i) {
    ASSERT_TRUE(Append({{up_, {1000 * i, i / 7.0}}, {down_, {1000 * i, i / 3.0}}}).ok());
  }
  const SampleModel all = InHead();
  const std::string path = dir_.path() + "/" + fmt::format("{:08}", log_->stats().segment);
  head_.reset();
  log_.reset();
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(20'000);
    file.write("damage", 6);
  }
  Start();
  EXPECT_EQ(replayed_.damaged, 1u);
  ASSERT_FALSE(replayed_.places.empty());
  EXPECT_THAT(replayed_.places[0], ::testing::HasSubstr("segment 0 at "));
  const SampleModel left = InHead();
  EXPECT_GT(left.at(up_).size(), 1000u);  // Pages are 32 KiB.
  EXPECT_LT(left.at(up_).size(), 2000u);
  for (const auto& [t, bits] : left.at(up_)) EXPECT_EQ(all.at(up_).at(t), bits);
  EXPECT_EQ(left.at(up_).rbegin()->first, 2'000'000);
}

TEST_F(HeadTest, ReplayTellsHowFarItIs) {
  ASSERT_TRUE(Append({{up_, {1000, 1}}}).ok());
  Start();
  ASSERT_TRUE(Append({{up_, {2000, 1}}}).ok());
  head_ = std::make_unique<Head>(options_);
  std::vector<ReplayProgress> told;
  ASSERT_TRUE(head_->Replay(dir_.path(), 0, UINT32_MAX, [&](const ReplayProgress& p) {
    told.push_back(p);
    return true;
  }).ok());
  ASSERT_GE(told.size(), 3u);
  EXPECT_EQ(told.front().current, told.front().min);
  EXPECT_FALSE(told.front().done);
  EXPECT_EQ(told.back().current, told.back().max);
  EXPECT_TRUE(told.back().done);
  for (size_t i = 1; i < told.size(); ++i) {
    EXPECT_GE(told[i].read_bytes, told[i - 1].read_bytes);
    EXPECT_EQ(told[i].total_bytes, told[0].total_bytes);
  }
  EXPECT_LT(told.front().percent(), 50);
  EXPECT_GT(told[told.size() - 2].percent(), 0) << "at the second segment";
  EXPECT_EQ(told.back().percent(), 100);
  EXPECT_EQ(told.back().read_bytes, told.back().total_bytes);
}

TEST(ReplayProgress, GuessesHowLongItWillTake) {
  ReplayProgress progress{.read_bytes = 0, .total_bytes = 1000, .seconds = 3};
  EXPECT_EQ(progress.seconds_left(), 0);
  progress.read_bytes = 250;
  EXPECT_EQ(progress.percent(), 25);
  EXPECT_EQ(progress.seconds_left(), 9);
  progress.done = true;
  EXPECT_EQ(progress.seconds_left(), 0);
}

TEST_F(HeadTest, AnInstanceWithoutALogKeepsAllInMemory) {
  head_ = std::make_unique<Head>(HeadOptions{});
  ASSERT_TRUE(Append({{up_, {1000, 1}}}).ok());
  EXPECT_EQ(*head_->CutForFlush(), 0u);
  EXPECT_EQ(InHead().size(), 1u);
}

TEST_F(HeadTest, TellsAboutItself) {
  ASSERT_TRUE(Append({{up_, {1000, 1}}, {down_, {5000, 2}}}).ok());
  const HeadInfo info = head_->info();
  EXPECT_EQ(info.num_series, 2u);
  EXPECT_EQ(info.num_label_pairs, 3u);
  EXPECT_EQ(info.num_chunks, 2u);
  EXPECT_EQ(info.num_samples, 2u);
  EXPECT_EQ(info.range, (model::TimeRange{1000, 5000}));
  EXPECT_GT(info.bytes, 300u);
  EXPECT_EQ(head_->TopCardinality(5).series_by_pair.at(0).name, "job=node");
  Flush();
  EXPECT_TRUE(head_->info().range.empty());
  EXPECT_EQ(head_->info().num_samples, 0u);
  EXPECT_EQ(head_->info().num_chunks, 0u);
  EXPECT_EQ(head_->max_time(), 5000);
}

}  // namespace
}  // namespace storage
