// Flushing: nothing is ever missing, nothing comes twice, and what is idle is forgotten.
#include <random>

#include "tests/storage/head/head_fixture.h"
#include "tests/storage/head/record_log.h"
#include "wal/reader.h"

namespace storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class HeadFlushTest : public HeadFixture {
 protected:
  const Labels up_{{"__name__", "up"}, {"job", "node"}};
  const Labels down_{{"__name__", "down"}, {"job", "node"}};
};

TEST_F(HeadFlushTest, MovesEverythingToTheBlock) {
  ASSERT_TRUE(Append({{up_, {1000, 1}}, {down_, {1000, 2}}}).ok());
  const SampleModel all = InHead();
  Flush();
  EXPECT_TRUE(InHead().empty());
  EXPECT_EQ(block_, all);
}

TEST_F(HeadFlushTest, GoesOnJudgingByWhatWasFlushed) {
  ASSERT_TRUE(Append({{up_, {2000, 1}}}).ok());
  for (int restart = 0; restart < 2; ++restart) {
    Flush();
    EXPECT_EQ(AppendOne(up_, 1000, 1), Outcome::kOutOfOrder);
    EXPECT_EQ(AppendOne(up_, 2000, 1), Outcome::kAccepted);
    EXPECT_EQ(AppendOne(up_, 2000, 2), Outcome::kDuplicate);
    EXPECT_EQ(AppendOne(down_, 2000 - 3'600'001, 2), Outcome::kOutOfBounds);
    EXPECT_TRUE(InHead().empty());
    Start();
  }
}

TEST_F(HeadFlushTest, RefsAreStableOverFlushAndRestart) {
  auto appender = head_->NewAppender();
  const SeriesRef ref = appender->Append({}, up_, {1000, 1}).ref;
  ASSERT_TRUE(appender->Commit().ok());
  appender.reset();
  Flush();
  Start();
  appender = head_->NewAppender();
  EXPECT_EQ(appender->Append({}, up_, {2000, 1}).ref, ref);
  EXPECT_EQ(appender->Append(ref, {}, {3000, 1}).ref, ref);
  EXPECT_NE(appender->Append({}, down_, {3000, 1}).ref, ref);
}

// Not in label order: what is scraped together then lies together in memory after a restart, too.
TEST_F(HeadFlushTest, ACheckpointNamesSeriesInTheOrderInWhichTheyCame) {
  const Labels last{{"__name__", "a"}};
  ASSERT_TRUE(Append({{up_, {1000, 1}}}).ok());
  ASSERT_TRUE(Append({{last, {1000, 1}}, {down_, {1000, 1}}}).ok());
  Flush();
  const auto checkpoint = wal::FindCheckpoint(dir_.path(), watermark_);
  ASSERT_TRUE(checkpoint.ok() && checkpoint->has_value());
  const auto reader = *wal::Reader::Open((*checkpoint)->dir, 0, UINT32_MAX);
  RecordLog read;
  std::string_view record;
  while (*reader->Next(&record)) ASSERT_TRUE(ReadRecord(record, &read).ok());
  std::vector<std::string> series;
  for (const std::string& line : read.lines) {
    if (const size_t name = line.find('{'); name != line.npos) series.push_back(line.substr(name));
  }
  EXPECT_THAT(series, ElementsAre(up_.ToString(), last.ToString(), down_.ToString()));
}

TEST_F(HeadFlushTest, ACrashAtAnyStepLosesAndDoublesNothing) {
  for (int steps = 0; steps <= 6; ++steps) {
    SCOPED_TRACE(steps);
    const model::TimeMs t = 10'000 * (steps + 1);
    ASSERT_TRUE(Append({{up_, {t, 1}}, {down_, {t, 2}}}).ok());
    SampleModel all = Everything();
    if (steps > 0) Flush(kNever, steps);
    Start();
    EXPECT_EQ(Everything(), all);
    ASSERT_TRUE(Append({{up_, {t + 1, 1}}}).ok());
    all[up_][t + 1] = testing_support::Bits(1);
    EXPECT_EQ(Everything(), all);
    EXPECT_EQ(replayed_.damaged, 0u);
    EXPECT_EQ(replayed_.unknown_series, 0u);
    if (steps >= 4) {  // The rest is in the block only.
      EXPECT_EQ(InHead()[up_].size(), 1u);
    }
    Flush();
    Start();
    EXPECT_EQ(Everything(), all);
  }
}

TEST_F(HeadFlushTest, SamplesThatComeWhileItRunsAreNeitherLostNorRefused) {
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(Append({{Labels{{"id", std::to_string(i)}}, {1000, 1}}}).ok());
  }
  model::TimeMs t = 1000;
  between_series_ = [&] {  // Into series passed already, and into ones still to come, and new ones.
    t += 1000;
    std::vector<std::pair<Labels, model::Sample>> batch;
    for (int i = 0; i < 25; ++i) batch.push_back({Labels{{"id", std::to_string(i)}}, {t, 2}});
    ASSERT_TRUE(Append(batch).ok());
  };
  for (const int steps : {6, 4, 3, 5}) {
    SampleModel want = Everything();
    const model::TimeMs from = t;
    Flush(kNever, steps);
    for (int i = 0; i < 25; ++i) {
      for (model::TimeMs later = from + 1000; later <= t; later += 1000) {
        want[Labels{{"id", std::to_string(i)}}][later] = testing_support::Bits(2);
      }
    }
    EXPECT_EQ(Everything(), want) << steps;
    Start();
    EXPECT_EQ(Everything(), want) << steps;
    EXPECT_EQ(replayed_.unknown_series, 0u);
  }
}

TEST_F(HeadFlushTest, AQuerierFromBeforeSeesWhatWasDropped) {
  ASSERT_TRUE(Append({{up_, {1000, 1}}, {down_, {1000, 1}}}).ok());
  auto first = head_->NewQuerier({});
  ASSERT_TRUE(Append({{up_, {2000, 1}}}).ok());
  Flush();
  auto second = head_->NewQuerier({});
  ASSERT_TRUE(Append({{up_, {3000, 1}}}).ok());
  auto third = head_->NewQuerier({});
  Flush();
  ASSERT_TRUE(Append({{up_, {4000, 1}}}).ok());
  Flush();
  EXPECT_EQ(ReadAll(first.get()),
            (SampleModel{{up_, Samples({{1000, 1}})}, {down_, Samples({{1000, 1}})}}));
  EXPECT_TRUE(ReadAll(second.get()).empty());  // Its block list has the first block.
  EXPECT_EQ(ReadAll(third.get()), (SampleModel{{up_, Samples({{3000, 1}})}}));
  EXPECT_TRUE(InHead().empty());
}

TEST_F(HeadFlushTest, IdleSeriesLeaveWithTheirNames) {
  ASSERT_TRUE(Append({{up_, {1'000'000, 1}}, {Labels{{"old", "x"}}, {1000, 1}}}).ok());
  Flush(/*idle_before=*/5000);
  EXPECT_EQ(head_->info().num_series, 1u);
  EXPECT_EQ(head_->info().num_label_pairs, 2u);
  EXPECT_EQ(head_->stats().series_removed, 1u);
  ASSERT_TRUE(Append({{up_, {1'000'001, 1}}}).ok());
  EXPECT_THAT(*head_->NewQuerier({})->LabelNames({}, 0), ElementsAre("__name__", "job"));
  Start();
  EXPECT_EQ(head_->info().num_series, 2u);  // The checkpoint was written before.
  Flush(/*idle_before=*/5000);
  Flush(/*idle_before=*/5000);
  Start();
  EXPECT_EQ(head_->info().num_series, 1u);
}

TEST_F(HeadFlushTest, AForgottenSeriesComesBackAsANewOne) {
  auto appender = head_->NewAppender();
  const SeriesRef ref = appender->Append({}, up_, {1000, 1}).ref;
  ASSERT_TRUE(appender->Commit().ok());
  appender.reset();
  Flush(/*idle_before=*/1000);
  ASSERT_EQ(head_->info().num_series, 0u);
  appender = head_->NewAppender();
  EXPECT_EQ(appender->Append(ref, {}, {2000, 1}).outcome, Outcome::kInvalidLabels);
  EXPECT_NE(appender->Append(ref, up_, {2000, 1}).ref, ref);
  ASSERT_TRUE(appender->Commit().ok());
  appender.reset();
  Start();  // The checkpoint knows the old ref, the log the new one.
  EXPECT_EQ(InHead(), (SampleModel{{up_, Samples({{2000, 1}})}}));
  ASSERT_TRUE(Append({{up_, {3000, 1}}}).ok());
  Start();
  EXPECT_EQ(InHead(), (SampleModel{{up_, Samples({{2000, 1}, {3000, 1}})}}));
}

TEST_F(HeadFlushTest, ASeriesThatAnAppenderHoldsIsNotForgotten) {
  ASSERT_TRUE(Append({{up_, {1000, 1}}}).ok());
  auto appender = head_->NewAppender();
  ASSERT_EQ(appender->Append({}, up_, {2000, 1}).outcome, Outcome::kAccepted);
  Flush(/*idle_before=*/1000);
  Flush(/*idle_before=*/1000);
  ASSERT_TRUE(appender->Commit().ok());
  EXPECT_EQ(InHead(), (SampleModel{{up_, Samples({{2000, 1}})}}));
}

TEST_F(HeadFlushTest, ASeriesThatAQuerierMayNeedIsNotForgotten) {
  ASSERT_TRUE(Append({{up_, {1000, 1}}}).ok());
  auto querier = head_->NewQuerier({});
  for (int i = 0; i < 3; ++i) Flush(/*idle_before=*/1000);
  EXPECT_EQ(ReadAll(querier.get()), (SampleModel{{up_, Samples({{1000, 1}})}}));
  querier.reset();
  Flush(/*idle_before=*/1000);
  EXPECT_EQ(head_->info().num_series, 0u);
}

TEST_F(HeadFlushTest, OneThatIsGivenUpIsMadeUpForByTheNext) {
  ASSERT_TRUE(Append({{up_, {1000, 1}}}).ok());
  Flush(kNever, 2);
  ASSERT_TRUE(Append({{up_, {2000, 1}}, {down_, {2000, 1}}}).ok());
  Flush(kNever, 3);
  ASSERT_TRUE(Append({{up_, {3000, 1}}}).ok());
  const SampleModel all = InHead();
  Flush();
  EXPECT_EQ(block_, all);
  EXPECT_TRUE(InHead().empty());
  Start();
  EXPECT_EQ(Everything(), all);
}

TEST_F(HeadFlushTest, SegmentsThatTurnOverBySizeAreReadInOrder) {
  segment_bytes_ = 2000;
  Start();
  std::mt19937_64 random(1);
  for (int i = 0; i < 200; ++i) {
    std::vector<std::pair<Labels, model::Sample>> batch;
    for (int j = 0; j < 5; ++j) {
      batch.push_back({Labels{{"id", std::to_string((i / 20 + j * 3) % 17)}},
                       {1000 * i, static_cast<double>(random()) / 3}});
    }
    ASSERT_TRUE(Append(batch).ok());
    if (i % 61 == 60) Flush();
  }
  const SampleModel all = Everything();
  Start();
  EXPECT_EQ(Everything(), all);
  EXPECT_EQ(replayed_.unknown_series, 0u);
  EXPECT_EQ(replayed_.damaged, 0u);
}

TEST_F(HeadFlushTest, ASegmentThatTurnedOverNamesItsSeriesAgain) {
  segment_bytes_ = 2000;
  Start();
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(Append({{up_, {1000 * i, i / 3.0}}, {down_, {1000 * i, i / 7.0}}}).ok());
  }
  const uint32_t last = log_->stats().segment;
  ASSERT_GT(last, 2u);
  head_ = std::make_unique<Head>(options_);
  const auto replayed = head_->Replay(dir_.path(), last, UINT32_MAX, nullptr);  // That segment alone.
  // But for the batch that made it turn over, which was written as for the one before.
  EXPECT_LE(replayed->unknown_series, 2u);
  EXPECT_GT(replayed->samples, 2u);
  EXPECT_EQ(head_->info().num_series, 2u);
}

TEST_F(HeadFlushTest, AgreesWithAMapOverRandomDoings) {
  for (const uint64_t seed : {1, 2, 3, 4}) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    testing_support::TempDir fresh;
    watermark_ = 0;
    block_.clear();
    std::filesystem::remove_all(dir_.path());
    segment_bytes_ = seed % 2 == 0 ? 4000 : 128u << 20;
    Start();
    SampleModel model;
    std::map<Labels, model::TimeMs> newest;
    model::TimeMs now = 1'700'000'000'000;
    for (int step = 0; step < 300; ++step) {
      switch (random() % 20) {
        case 0:
          Flush(random() % 2 == 0 ? now - 100'000 : kNever, 1 + random() % 6);
          if (random() % 2 == 0) Start();
          break;
        case 1:
          Start();
          break;
        case 2: {  // The log refuses.
          files_.FailAfter(0);
          auto appender = head_->NewAppender();
          appender->Append({}, testing_support::TestLabels(random() % 60), {now + 10, 5});
          EXPECT_FALSE(appender->Commit().ok());
          files_.Heal();
          break;
        }
        default: {
          now += 5000;
          std::vector<std::pair<Labels, model::Sample>> batch;
          for (size_t n = random() % 40; n > 0; --n) {
            const Labels labels = testing_support::TestLabels((random() % 20) + (step / 50) * 10);
            const model::TimeMs t = now + static_cast<int64_t>(random() % 3);
            const double v = random() % 30 == 0 ? model::StaleNan() : static_cast<double>(random() % 1000) / 8;
            if (const auto it = newest.find(labels); it != newest.end() && it->second >= t) continue;
            newest[labels] = t;
            batch.push_back({labels, {t, v}});
            model[labels][t] = testing_support::Bits(v);
          }
          ASSERT_TRUE(Append(batch).ok());
        }
      }
      ASSERT_EQ(replayed_.damaged, 0u);
      ASSERT_EQ(replayed_.unknown_series, 0u);
      if (step % 10 == 0 || step == 299) {
        ASSERT_EQ(Everything(), model) << "step " << step;
      }
    }
    EXPECT_GT(head_->info().num_series, 0u);
  }
}

TEST_F(HeadFlushTest, NumbersComeOutEvenAfterItAll) {
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(Append({{Labels{{"id", std::to_string(i)}}, {1000 + i, 1}}}).ok());
  }
  auto querier = head_->NewQuerier({});
  Flush(2000);
  querier.reset();
  Flush(5000);
  Flush(5000);
  const HeadInfo info = head_->info();
  EXPECT_EQ(info.num_series, 0u);
  EXPECT_EQ(info.num_label_pairs, 0u);
  EXPECT_EQ(info.num_chunks, 0u);
  EXPECT_EQ(info.num_samples, 0u);
  EXPECT_EQ(head_->stats().series_removed, 1000u);
  EXPECT_THAT(*head_->NewQuerier({})->LabelNames({}, 0), IsEmpty());
}

}  // namespace
}  // namespace storage
