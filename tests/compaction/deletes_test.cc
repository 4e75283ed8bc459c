// Deletes and merges: what is deleted stays so, and leaves the disk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <thread>

#include <absl/synchronization/notification.h>
#include <absl/time/clock.h>

#include "compaction/compactor.h"
#include "compaction/scheduler.h"
#include "storage/database.h"
#include "tests/testing/copy_dir.h"
#include "tests/testing/sample_model.h"
#include "tests/testing/seed.h"
#include "tests/testing/temp_dir.h"

namespace compaction {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing_support::Bits;
using testing_support::Difference;
using testing_support::SampleModel;
using testing_support::TestLabels;
using Set = std::vector<model::Matcher>;

constexpr model::TimeMs kStart = 1'700'006'400'000;  // A UTC day begins.
constexpr int64_t kHour = 3600 * 1000;
constexpr model::TimeRange kAll;

class FixedClock : public base::Clock {
 public:
  int64_t NowMs() const override { return now_ms; }
  std::atomic<int64_t> now_ms{kStart};
};

class DeletesTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }
  void Open() {
    storage::DatabaseOptions options;
    options.dir = dir();
    options.block_cache_bytes = 4 << 20;
    options.clock = &clock_;
    auto db = storage::Database::Open(options);
    ASSERT_TRUE(db.ok()) << db.status();
    db_ = *std::move(db);
    scheduler_ = std::make_unique<Scheduler>(db_.get(), SchedulerOptions{.clock = &clock_});
  }
  void Close() {
    scheduler_.reset();
    db_.reset();
  }
  // As after kill -9 at this moment.
  void Crash() {
    const std::string copy = temp_.path() + "/copy";
    testing_support::CopyDir(dir(), copy);
    Close();
    std::filesystem::remove_all(dir());
    std::filesystem::rename(copy, dir());
    Open();
  }
  void Scrape(model::TimeMs t, std::mt19937& random, SampleModel* want) {
    auto appender = db_->NewAppender();
    for (int i = 0; i < 25; ++i) {
      if (random() % 10 == 0) continue;
      const double value = static_cast<double>(random() % 10'000) / 8;
      ASSERT_EQ(appender->Append(storage::SeriesRef::kNone, TestLabels(i), {t, value}).outcome,
                storage::Outcome::kAccepted);
      (*want)[TestLabels(i)][t] = Bits(value);
    }
    ASSERT_TRUE(appender->Commit().ok());
    clock_.now_ms = t;
  }
  void Delete(const std::vector<Set>& sets, model::TimeRange range, SampleModel* want) {
    const absl::Status status = db_->Delete(sets, range);
    ASSERT_TRUE(status.ok()) << status;
    for (const Set& set : sets) testing_support::DeleteFrom(want, set, range);
  }
  SampleModel Stored() { return testing_support::ReadAll(**db_->NewQuerier(kAll), kAll); }
  std::string dir() const { return temp_.path() + "/data"; }

  testing_support::TempDir temp_;
  FixedClock clock_;
  std::unique_ptr<storage::Database> db_;
  std::unique_ptr<Scheduler> scheduler_;
};

TEST_F(DeletesTest, CleaningRewritesWhatIsTouchedAndDropsWhatIsEmpty) {
  std::mt19937 random(1);
  SampleModel want;
  for (int i = 0; i < 300; ++i) {
    Scrape(kStart + i * 15'000, random, &want);
    if (i % 100 == 99) {
      ASSERT_TRUE(db_->FlushHead().ok());
    }
  }
  const std::string untouched = db_->blocks()->Metas()[2].ulid;
  Delete({{}}, {kStart, kStart + 100 * 15'000 - 1}, &want);
  Delete({{model::Matcher::Equal("job", "odd")}}, {0, kStart + 150 * 15'000}, &want);
  const uint64_t bytes = db_->blocks()->bytes();
  scheduler_->Start();
  ASSERT_TRUE(scheduler_->CleanTombstones().ok());
  scheduler_->Stop();
  const auto metas = db_->blocks()->Metas();
  ASSERT_THAT(metas, SizeIs(2));
  for (const auto& meta : metas) EXPECT_EQ(meta.deleted_series, 0u);
  EXPECT_EQ(metas[1].ulid, untouched);
  EXPECT_LT(db_->blocks()->bytes(), bytes);
  EXPECT_EQ(Difference(Stored(), want), "");
  EXPECT_EQ(scheduler_->stats().cleanings, 1u);
  EXPECT_EQ(scheduler_->CleanTombstones().code(), absl::StatusCode::kUnavailable);
  Crash();
  EXPECT_EQ(Difference(Stored(), want), "");
}

// What the caller did is not at fault, and a later try does it: no error of the merge that was given up.
TEST_F(DeletesTest, CleaningThatIsStoppedIsUnavailable) {
  std::mt19937 random(6);
  SampleModel want;
  for (int i = 0; i < 100; ++i) Scrape(kStart + i * 15'000, random, &want);
  ASSERT_TRUE(db_->FlushHead().ok());
  Delete({{}}, {kStart, kStart + 50 * 15'000}, &want);

  // The thread is held in a look at the clock, until cleaning is asked for and Stop is called.
  absl::Notification stopping;
  const std::thread::id here = std::this_thread::get_id();
  scheduler_ = std::make_unique<Scheduler>(
      db_.get(), SchedulerOptions{.clock = &clock_, .steady_ms = [&]() -> int64_t {
        if (std::this_thread::get_id() != here) stopping.WaitForNotification();
        return 0;
      }});
  scheduler_->Start();
  absl::Status cleaned;
  std::thread cleaner([&] { cleaned = scheduler_->CleanTombstones(); });
  absl::SleepFor(absl::Milliseconds(50));
  std::thread stopper([&] { scheduler_->Stop(); });
  absl::SleepFor(absl::Milliseconds(50));
  stopping.Notify();
  stopper.join();
  cleaner.join();
  // On a machine that is very slow it may have been done before.
  EXPECT_TRUE(cleaned.ok() || absl::IsUnavailable(cleaned)) << cleaned;

  scheduler_->Start();
  EXPECT_TRUE(scheduler_->CleanTombstones().ok());
  scheduler_->Stop();
  for (const auto& meta : db_->blocks()->Metas()) EXPECT_EQ(meta.deleted_series, 0u);
  EXPECT_EQ(Difference(Stored(), want), "");
}

// Each call must succeed, whatever else is at work.
TEST_F(DeletesTest, CleaningsDeletesFlushesAndMergesAtOnce) {
  std::mt19937 random(7);
  SampleModel want;
  scheduler_->Start();
  std::atomic<bool> over{false};
  std::vector<std::thread> others;
  for (int i = 0; i < 2; ++i) {
    others.emplace_back([&] {
      while (!over) {
        const absl::Status status = scheduler_->CleanTombstones();
        EXPECT_TRUE(status.ok()) << status;
      }
    });
  }
  others.emplace_back([&] {
    for (int i = 0; !over; ++i) {
      scheduler_->RequestFlush();
      const std::string to = temp_.path() + "/snapshot" + std::to_string(i);
      const absl::Status status = db_->Snapshot(to, i % 2 == 0);
      EXPECT_TRUE(status.ok()) << status;
      std::filesystem::remove_all(to);
    }
  });
  for (int i = 0; i < testing_support::Rounds(240); ++i) {
    Scrape(clock_.now_ms + 60'000, random, &want);
    if (i % 4 != 3) continue;
    const model::TimeMs from = clock_.now_ms - static_cast<int64_t>(random() % 300) * 60'000;
    Delete({{model::Matcher::Equal("job", random() % 2 == 0 ? "odd" : "even")}},
           {from, from + static_cast<int64_t>(random() % 100) * 60'000}, &want);
    if (i % 100 == 99) Delete({{}}, {0, clock_.now_ms}, &want);  // Blocks of which nothing is left.
  }
  over = true;
  for (std::thread& other : others) other.join();
  EXPECT_TRUE(scheduler_->CleanTombstones().ok());
  scheduler_->Stop();
  for (const auto& meta : db_->blocks()->Metas()) EXPECT_EQ(meta.deleted_series, 0u);
  EXPECT_EQ(Difference(Stored(), want), "");
}

TEST_F(DeletesTest, ADeleteWhileAMergeIsAtWorkIsNotLost) {
  for (int at : {1, 10, 24}) {
    std::mt19937 random(2);
    for (const auto& meta : db_->blocks()->Metas()) ASSERT_TRUE(db_->blocks()->Drop(meta.ulid).ok());
    SampleModel want;
    for (int i = 0; i < 200; ++i) {
      Scrape(clock_.now_ms + 15'000, random, &want);
      if (i % 100 == 99) {
        ASSERT_TRUE(db_->FlushHead().ok());
      }
    }
    Plan plan{{}, 1, ""};
    for (const auto& meta : db_->blocks()->Metas()) plan.blocks.push_back(meta.ulid);
    const model::TimeMs now = clock_.now_ms;
    SampleModel left = want;
    const auto merged = Merge(plan, db_->blocks(), [&] {
      if (--at != 0) return true;
      Delete({{model::Matcher::Equal("job", "even")}}, {now - 2'000'000, now - 1'000'000}, &left);
      Delete({{model::Matcher::Equal("__name__", "metric_6")}}, kAll, &left);
      return true;
    });
    ASSERT_TRUE(merged.ok()) << merged.status();
    EXPECT_EQ(Difference(Stored(), left), "");
    Crash();
    EXPECT_EQ(Difference(Stored(), left), "");
    const auto metas = db_->blocks()->Metas();
    ASSERT_THAT(metas, SizeIs(1));
    EXPECT_GT(metas[0].deleted_series, 0u);
    ASSERT_TRUE(Merge(CleanPlan(metas[0]), db_->blocks(), [] { return true; }).ok());
    EXPECT_EQ(db_->blocks()->Metas()[0].deleted_series, 0u);
    EXPECT_EQ(Difference(Stored(), left), "");
  }
}

TEST_F(DeletesTest, AMergeOfWhatIsAllDeletedLeavesNoBlock) {
  std::mt19937 random(3);
  SampleModel want;
  for (int i = 0; i < 50; ++i) Scrape(kStart + i * 15'000, random, &want);
  Delete({{}}, kAll, &want);
  const auto metas = db_->blocks()->Metas();
  ASSERT_THAT(metas, SizeIs(1));
  const auto merged = Merge(CleanPlan(metas[0]), db_->blocks(), [] { return true; });
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_THAT(*merged, IsEmpty());
  EXPECT_THAT(db_->blocks()->Metas(), IsEmpty());
}

// A day of scrapes with deletes, flushes, merges, cleanings and crashes beside a map.
TEST_F(DeletesTest, AnyOrderIsWhatAMapSays) {
  const auto seed = testing_support::Seed();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  SampleModel want;
  for (int step = 0; step < 70; ++step) {
    for (int i = 0; i < 4; ++i) Scrape(clock_.now_ms + 5 * 60'000, random, &want);
    switch (random() % 8) {
      case 0:
      case 1: {
        const int64_t from = clock_.now_ms - static_cast<int64_t>(random() % (40 * kHour));
        const Set set = {model::Matcher::Equal("__name__", fmt::format("metric_{}", random() % 7))};
        const Set other = {model::Matcher::Equal("instance", "host-002")};
        Delete({set, other}, {from, from + static_cast<int64_t>(random() % (10 * kHour))}, &want);
        break;
      }
      case 2:
        for (const auto& meta : db_->blocks()->Metas()) {
          if (meta.deleted_series == 0) continue;
          ASSERT_TRUE(Merge(CleanPlan(meta), db_->blocks(), [] { return true; }).ok());
        }
        break;
      case 3:
        if (random() % 4 == 0) Crash();
        break;
      case 4:
        ASSERT_TRUE(db_->FlushHead().ok());
        break;
      default:
        scheduler_->RunOnce();
    }
    if (step % 5 == 0) {
      ASSERT_EQ(Difference(Stored(), want), "") << "step " << step;
    }
  }
  EXPECT_EQ(Difference(Stored(), want), "");
}

}  // namespace
}  // namespace compaction
