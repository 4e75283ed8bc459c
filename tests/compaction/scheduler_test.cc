#include "compaction/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "tests/testing/sample_model.h"
#include "tests/testing/temp_dir.h"

namespace compaction {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing_support::Bits;
using testing_support::Difference;
using testing_support::SampleModel;
using testing_support::TestLabels;

constexpr int64_t kMinute = 60'000, kHour = 60 * kMinute, kDay = 24 * kHour;
constexpr model::TimeMs kMidnight = 1'700'006'400'000;

class FixedClock : public base::Clock {
 public:
  int64_t NowMs() const override { return now_ms; }
  std::atomic<int64_t> now_ms{kMidnight};
};

class SchedulerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    storage::DatabaseOptions options;
    options.dir = temp_.path();
    options.clock = &clock_;
    auto db = storage::Database::Open(options);
    ASSERT_TRUE(db.ok()) << db.status();
    db_ = std::move(*db);
    options_.clock = &clock_;
    Restart();
  }
  void Restart() { scheduler_ = std::make_unique<Scheduler>(db_.get(), options_); }
  // Time passes minute by minute, with one scrape and one look of the scheduler in each.
  void Live(int64_t minutes, int series = 5) {
    for (int64_t i = 0; i < minutes; ++i) {
      Scrape(series);
      clock_.now_ms += kMinute;
      scheduler_->RunOnce();
    }
  }
  void Scrape(int series) {
    auto appender = db_->NewAppender();
    for (int k = 0; k < series; ++k) {
      const model::TimeMs t = clock_.now_ms;
      const double v = static_cast<double>(t % 1'000'003 + k);
      ASSERT_EQ(appender->Append(storage::SeriesRef::kNone, TestLabels(k), {t, v}).outcome,
                storage::Outcome::kAccepted);
      want_[TestLabels(k)][t] = Bits(v);
    }
    ASSERT_TRUE(appender->Commit().ok());
  }
  SampleModel Stored() {
    auto querier = *db_->NewQuerier({});
    return testing_support::ReadAll(*querier, {});
  }
  std::vector<int> Levels() {
    std::vector<int> levels;
    for (const auto& meta : db_->blocks()->Metas()) levels.push_back(meta.level);
    return levels;
  }

  testing_support::TempDir temp_;
  FixedClock clock_;
  std::unique_ptr<storage::Database> db_;
  SchedulerOptions options_;
  std::unique_ptr<Scheduler> scheduler_;
  SampleModel want_;
};

TEST_F(SchedulerTest, FlushesAtWallClockWindowsAndMergesThem) {
  Live(11);
  EXPECT_EQ(scheduler_->stats().flushes, 0u);
  Live(1);
  EXPECT_EQ(scheduler_->stats().flushes, 1u);
  EXPECT_EQ(clock_.now_ms % (12 * kMinute), 0);
  Live(120 + 15 - 12);
  EXPECT_EQ(Levels(), (std::vector<int>{1, 0}));
  EXPECT_EQ(scheduler_->stats().merges, 1u);
  const auto meta = db_->blocks()->Metas().front();
  EXPECT_EQ(meta.range, (model::TimeRange{kMidnight, kMidnight + 119 * kMinute}));
  EXPECT_EQ(meta.num_chunks, 5u);  // Ten flushes of 12 samples each: one chunk a series.
  EXPECT_EQ(Difference(Stored(), want_), "");
}

TEST_F(SchedulerTest, TwoDaysEndAsADayAndWindows) {
  options_.flush_interval_ms = kHour;
  Restart();
  Live(2 * 1440 + 90, 2);
  const std::vector<int> levels = Levels();
  EXPECT_EQ(std::count(levels.begin(), levels.end(), 2), 2);
  EXPECT_LE(levels.size(), 2u + 3);
  EXPECT_EQ(Difference(Stored(), want_), "");
  EXPECT_THAT(scheduler_->stats().last_error, IsEmpty());
}

// Whoever waits for a cleaning must not make the thread try what fails without a pause.
TEST_F(SchedulerTest, ARoundThatThrowsIsNotTriedAgainAtOnce) {
  class ThrowingClock : public base::Clock {
   public:
    int64_t NowMs() const override {
      if (!out_of_memory) return kMidnight;
      ++asked;
      throw std::bad_alloc();
    }
    std::atomic<bool> out_of_memory{false};
    mutable std::atomic<int> asked{0};
  } clock;
  options_.clock = &clock;
  options_.check_interval_ms = 100;
  Restart();
  clock.out_of_memory = true;
  scheduler_->Start();
  std::thread waiting([&] { (void)scheduler_->CleanTombstones(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(350));
  EXPECT_LE(clock.asked, 5);
  clock.out_of_memory = false;
  waiting.join();  // The round after is a good one.
  EXPECT_GE(clock.asked, 1);
  scheduler_->Stop();
}

TEST_F(SchedulerTest, MetadataGoesWithTheRetention) {
  options_.retention.retention_ms = 3 * kHour;
  Restart();
  const auto tell = [&](std::string help) {
    auto appender = db_->NewAppender();
    appender->UpdateMetadata(TestLabels(0).MetricName(), {model::MetricType::kGauge, help, ""});
    ASSERT_TRUE(appender->Commit().ok());
  };
  const auto helps = [&] {
    std::vector<std::string> all;
    for (const auto& entry : db_->Metadata("")) all.push_back(entry.metadata.help);
    return all;
  };
  tell("Old.");
  Live(60);
  tell("New.");
  EXPECT_THAT(helps(), ::testing::ElementsAre("New.", "Old."));
  Live(8 * 60);
  EXPECT_THAT(helps(), IsEmpty());  // Nobody has said it for longer than samples are kept.
  EXPECT_GT(scheduler_->stats().dropped_by_time, 0u);
}

TEST_F(SchedulerTest, FlushesEarlyWhenTheHeadIsFullOrItIsAsked) {
  options_.flush_samples = 20;
  options_.flush_samples_per_series = 0;
  Restart();
  Live(3);
  EXPECT_EQ(scheduler_->stats().flushes, 0u);
  Live(1);
  EXPECT_EQ(scheduler_->stats().flushes, 1u);
  Live(1);
  scheduler_->RequestFlush();
  scheduler_->RunOnce();
  EXPECT_EQ(scheduler_->stats().flushes, 2u);
  EXPECT_EQ(db_->stats().head.num_samples, 0u);
}

TEST_F(SchedulerTest, ManySeriesMayHaveMoreSamplesBeforeAFlush) {
  options_.flush_samples = 20;
  options_.flush_samples_per_series = 6;
  Restart();
  Live(5);
  EXPECT_EQ(scheduler_->stats().flushes, 0u);
  Live(1);
  EXPECT_EQ(scheduler_->stats().flushes, 1u);
  EXPECT_EQ(scheduler_->FlushLag(), 0) << "none is under way";
}

TEST_F(SchedulerTest, AFullHeadDoesNotWaitForTheNextCheck) {
  options_.flush_samples = 20;
  options_.flush_samples_per_series = 0;
  options_.check_interval_ms = kHour;
  options_.head_look_ms = 1;
  Restart();
  scheduler_->Start();
  while (scheduler_->stats().flushes == 0) {
    clock_.now_ms += 1000;
    Scrape(5);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  scheduler_->Stop();
}

TEST_F(SchedulerTest, FlushesBeforeExemplarsPushEachOtherOut) {
  db_.reset();
  storage::DatabaseOptions options;
  options.dir = temp_.path();
  options.clock = &clock_;
  options.max_exemplars = 100;
  db_ = *storage::Database::Open(options);
  Restart();
  const auto add = [&](int n) {
    auto appender = db_->NewAppender();
    const auto ref = appender->Append({}, TestLabels(0), {clock_.now_ms, 1}).ref;
    for (int i = 0; i < n; ++i) {
      clock_.now_ms += 10;
      EXPECT_TRUE(appender->AppendExemplar(ref, {{}, 1, clock_.now_ms, true}));
    }
    ASSERT_TRUE(appender->Commit().ok());
    scheduler_->RunOnce();
  };
  add(74);
  EXPECT_EQ(scheduler_->stats().flushes, 0u);
  add(1);
  EXPECT_EQ(scheduler_->stats().flushes, 1u);
  add(74);
  EXPECT_EQ(scheduler_->stats().flushes, 1u) << "those of the block do not count";
  add(1);
  EXPECT_EQ(scheduler_->stats().flushes, 2u);
  const auto stored = *db_->Exemplars(
      std::vector<std::vector<model::Matcher>>{{model::Matcher::Equal("__name__", "metric_0")}}, {});
  ASSERT_EQ(stored.size(), 1u);
  EXPECT_EQ(stored[0].exemplars.size(), 150u);
}

// What each block holds, without what its age and the policy of each series take.
TEST_F(SchedulerTest, PoliciesShortenAndLengthenRetentionOncePerBlock) {
  options_.flush_interval_ms = kHour;
  Restart();
  Live(14 * 60, 14);
  const RetentionOptions retention = {
      .retention_ms = 6 * kHour,
      .policies = {{{{model::Matcher::Equal("__name__", "metric_1"),
                      model::Matcher::Equal("job", "odd")}},
                    20 * kHour},
                   {{{model::Matcher::Equal("__name__", "metric_1")},
                     {model::Matcher::Equal("__name__", "metric_2")}},
                    2 * kHour}}};
  const auto metas = db_->blocks()->Metas();
  model::TimeMs newest = 0;
  for (const auto& meta : metas) newest = std::max(newest, meta.range.max);
  SampleModel want = testing_support::ReadAll(**db_->NewQuerier({}), {});
  uint64_t thinned = 0;
  for (const auto& meta : metas) {
    SampleModel block = testing_support::ReadAll(**db_->blocks()->NewQuerier(meta.ulid, {}), {});
    const int64_t age = newest - meta.range.max;
    thinned += age >= 2 * kHour;
    for (const auto& [labels, samples] : block) {
      const bool short_lived = labels.Get("__name__") == "metric_1" ||
                               labels.Get("__name__") == "metric_2";
      const bool long_lived = labels.Get("__name__") == "metric_1" && labels.Get("job") == "odd";
      if (age < (long_lived ? 20 : short_lived ? 2 : 6) * kHour) continue;
      for (const auto& [t, bits] : samples) want[labels].erase(t);
      if (want[labels].empty()) want.erase(labels);
    }
  }
  ASSERT_GT(thinned, 3u);
  scheduler_->SetRetention(retention);
  scheduler_->RunOnce();
  EXPECT_EQ(Difference(Stored(), want), "");
  EXPECT_EQ(scheduler_->stats().thinned, thinned);
  EXPECT_EQ(db_->blocks()->Metas().size(), metas.size());  // The long-lived ones keep all.

  std::vector<std::string> after;
  for (const auto& meta : db_->blocks()->Metas()) after.push_back(meta.ulid);
  const auto rewritten = [&] {
    std::vector<std::string> now;
    for (const auto& meta : db_->blocks()->Metas()) now.push_back(meta.ulid);
    return now != after;
  };
  scheduler_->RunOnce();
  EXPECT_FALSE(rewritten());
  Restart();
  scheduler_->SetRetention(retention);
  scheduler_->RunOnce();
  EXPECT_FALSE(rewritten());
  EXPECT_EQ(scheduler_->stats().thinned, 0u);

  RetentionOptions shorter = retention;  // All policies below the global time: blocks go whole.
  shorter.policies.erase(shorter.policies.begin());
  scheduler_->SetRetention(shorter);
  scheduler_->RunOnce();
  for (const auto& meta : db_->blocks()->Metas()) EXPECT_GT(meta.range.max, newest - 6 * kHour);
}

TEST_F(SchedulerTest, RetentionByTimeAndSizeCanBeSetWhileRunning) {
  options_.flush_interval_ms = kHour;
  Restart();
  Live(10 * 60, 2);
  const auto before = db_->blocks()->Metas();
  ASSERT_GE(before.size(), 5u);
  scheduler_->SetRetention({.retention_ms = 4 * kHour});
  scheduler_->RunOnce();
  model::TimeMs newest = 0;
  for (const auto& meta : db_->blocks()->Metas()) newest = std::max(newest, meta.range.max);
  for (const auto& meta : db_->blocks()->Metas()) EXPECT_GT(meta.range.max, newest - 4 * kHour);
  EXPECT_LT(db_->blocks()->Metas().size(), before.size());
  EXPECT_GT(scheduler_->stats().dropped_by_time, 0u);
  EXPECT_EQ(scheduler_->stats().retention.retention_ms, 4 * kHour);
  scheduler_->SetRetention({.retention_bytes = 1});
  scheduler_->RunOnce();
  EXPECT_THAT(db_->blocks()->Metas(), IsEmpty());
  EXPECT_GT(scheduler_->stats().dropped_by_size, 0u);
}

TEST_F(SchedulerTest, AFailedFlushIsTriedAgainLaterAndLosesNothing) {
  const std::string unfinished = temp_.path() + "/tidemark/blocks/unfinished";
  std::filesystem::remove_all(unfinished);
  Live(12);
  EXPECT_EQ(scheduler_->stats().flush_failures, 1u);
  EXPECT_THAT(scheduler_->stats().last_error, HasSubstr("Flushing the head failed"));
  scheduler_->RunOnce();
  EXPECT_EQ(scheduler_->stats().flush_failures, 1u);  // Not at once.
  std::filesystem::create_directories(unfinished);
  Live(1);
  EXPECT_EQ(scheduler_->stats().flushes, 1u);
  EXPECT_EQ(Difference(Stored(), want_), "");
}

// The clock jumps a year ahead for a while and comes back.
TEST_F(SchedulerTest, AStepOfTheClockAndBackLosesNothing) {
  constexpr int64_t kYear = 365 * kDay;
  options_.retention.retention_ms = 30 * kDay;
  Restart();
  Live(3 * 60);
  clock_.now_ms += kYear;
  Live(40);
  EXPECT_EQ(Difference(Stored(), want_), "");
  clock_.now_ms -= kYear;
  const uint64_t flushes = scheduler_->stats().flushes;
  Live(5 * 60);
  EXPECT_EQ(Difference(Stored(), want_), "");
  EXPECT_GE(scheduler_->stats().flushes, flushes + 20);
  EXPECT_EQ(scheduler_->stats().dropped_by_time, 0u);
  EXPECT_LT(db_->blocks()->Metas().size(), 20u);
}

TEST_F(SchedulerTest, AFailedFlushDoesNotWaitForAClockThatWasAhead) {
  const std::string unfinished = temp_.path() + "/tidemark/blocks/unfinished";
  std::filesystem::remove_all(unfinished);
  clock_.now_ms += 365 * kDay;
  Live(1);
  EXPECT_EQ(scheduler_->stats().flush_failures, 1u);
  clock_.now_ms -= 365 * kDay;
  std::filesystem::create_directories(unfinished);
  Live(13);
  EXPECT_EQ(scheduler_->stats().flushes, 1u);
  EXPECT_EQ(scheduler_->stats().clock_steps, 2u);
  EXPECT_EQ(Difference(Stored(), want_), "");
}

TEST_F(SchedulerTest, AStartWithAClockFarAheadDropsNothingForADay) {
  options_.retention.retention_ms = 30 * kDay;
  int64_t steady_ms = 0;
  options_.steady_ms = [&] { return steady_ms; };
  Restart();
  Live(2 * 60);
  clock_.now_ms += 365 * kDay;  // While it was not running.
  Restart();
  Live(30);
  EXPECT_EQ(Difference(Stored(), want_), "");
  steady_ms += 2 * kDay;  // It is right, then.
  Live(1);
  EXPECT_GT(scheduler_->stats().dropped_by_time, 0u);
}

TEST_F(SchedulerTest, AMergeThatFailsIsSetAsideAndTheRestGoesOn) {
  const std::string unfinished = temp_.path() + "/tidemark/blocks/unfinished";
  Live(132);
  ASSERT_EQ(scheduler_->stats().merges, 0u);
  std::filesystem::remove_all(unfinished);
  clock_.now_ms += 3 * kMinute;
  scheduler_->RunOnce();
  scheduler_->RunOnce();
  EXPECT_EQ(scheduler_->stats().merge_failures, 1u);
  std::filesystem::create_directories(unfinished);
  scheduler_->RunOnce();
  EXPECT_EQ(scheduler_->stats().merges, 0u);
  clock_.now_ms += kHour;
  scheduler_->RunOnce();
  EXPECT_EQ(scheduler_->stats().merges, 1u);
  EXPECT_EQ(Difference(Stored(), want_), "");
}

TEST_F(SchedulerTest, TheThreadFlushesOnRequestAndStops) {
  Scrape(3);
  scheduler_->Start();
  scheduler_->RequestFlush();
  for (int i = 0; i < 1000 && scheduler_->stats().flushes == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(scheduler_->stats().flushes, 1u);
  scheduler_->Stop();
  scheduler_->Stop();
  EXPECT_EQ(Difference(Stored(), want_), "");
}

}  // namespace
}  // namespace compaction
