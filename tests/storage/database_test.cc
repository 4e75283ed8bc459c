#include "storage/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include <absl/synchronization/notification.h>
#include <absl/time/clock.h>

#include "storage/base/status.h"
#include "storage/data_dir.h"
#include "tests/testing/copy_dir.h"
#include "tests/testing/faulty_files.h"
#include "tests/testing/sample_model.h"
#include "tests/testing/seed.h"
#include "tests/testing/temp_dir.h"

namespace storage {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing_support::Bits;
using testing_support::Difference;
using testing_support::SampleModel;
using testing_support::TestLabels;
using testing_support::Within;

constexpr model::TimeMs kStart = 1'700'000'000'000;
constexpr model::TimeRange kAll;

class FixedClock : public base::Clock {
 public:
  int64_t NowMs() const override { return now_ms; }
  std::atomic<int64_t> now_ms{kStart};
};

class DatabaseTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }
  DatabaseOptions Options(std::string dir) {
    DatabaseOptions options;
    options.dir = std::move(dir);
    options.block_cache_bytes = 4 << 20;
    options.clock = &clock_;
    options.after_flush_step = [this](FlushStep step) {
      if (after_step_) after_step_(step);
    };
    return options;
  }
  void Open() {
    auto db = Database::Open(Options(dir()));
    ASSERT_TRUE(db.ok()) << db.status();
    db_ = std::move(*db);
  }
  void Reopen() {
    ASSERT_TRUE(db_->Close().ok());
    db_.reset();
    Open();
  }
  // As a crash would leave it: a copy of the directory as it is now, opened in its place.
  std::unique_ptr<Database> OpenCopy(const std::string& name) {
    const std::string copy = temp_.path() + "/" + name;
    testing_support::CopyDir(dir(), copy);
    DatabaseOptions options = Options(copy);
    options.after_flush_step = nullptr;
    auto db = Database::Open(std::move(options));
    EXPECT_TRUE(db.ok()) << db.status();
    return db.ok() ? std::move(*db) : nullptr;
  }

  // One batch: a sample of each of `series` series, like a scrape.
  void Scrape(model::TimeMs t, int series, SampleModel* want) {
    auto appender = db_->NewAppender();
    for (int i = 0; i < series; ++i) {
      const model::Labels labels = TestLabels(i);
      const double value = static_cast<double>((t / 1000) % 1000 + i);
      const Appended appended = appender->Append(SeriesRef::kNone, labels, {t, value});
      ASSERT_EQ(appended.outcome, Outcome::kAccepted) << labels.ToString() << " at " << t;
      (*want)[labels][t] = Bits(value);
    }
    ASSERT_TRUE(appender->Commit().ok());
    clock_.now_ms = std::max<int64_t>(clock_.now_ms, t);
  }
  static SampleModel ReadAll(Database& db, model::TimeRange range = kAll) {
    auto querier = db.NewQuerier(range);
    EXPECT_TRUE(querier.ok()) << querier.status();
    return testing_support::ReadAll(**querier, range);
  }
  std::string dir() const { return temp_.path() + "/data"; }

  testing_support::TempDir temp_;
  FixedClock clock_;
  std::function<void(FlushStep)> after_step_;
  std::unique_ptr<Database> db_;
};

// Opens a copy of the directory as a crash left it, without reading its log.
TEST_F(DatabaseTest, TakesNewSamplesWhileTheOldLogIsRead) {
  const uint32_t seed = testing_support::Seed();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  SampleModel want;
  for (int i = 0; i < 400; ++i) {
    Scrape(kStart + i * 15'000, 25, &want);
    if (i == 100) {
      ASSERT_TRUE(db_->FlushHead().ok());
    }
  }
  std::string from = dir();
  model::TimeMs now = kStart + 400 * 15'000;
  for (int life = 0; life < 4; ++life) {  // The first three are killed while they read.
    const std::string copy = temp_.path() + fmt::format("/life-{}", life);
    testing_support::CopyDir(from, copy);
    from = copy;
    DatabaseOptions options = Options(copy);
    options.replay_on_open = false;
    options.wal.segment_bytes = 4 << 10;
    auto opened = Database::Open(options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    db_ = std::move(*opened);
    const auto scrape_some = [&] {
      now += 15'000;
      auto appender = db_->NewAppender();
      for (int i = 0; i < 30; ++i) {
        if (random() % 2) continue;
        const model::Labels labels = TestLabels(i);
        const double value = static_cast<double>(now % 100'003 + i);
        ASSERT_EQ(appender->Append(SeriesRef::kNone, labels, {now, value}).outcome,
                  Outcome::kAccepted);
        want[labels][now] = Bits(value);
      }
      // And a sender that did not hear our answer sends its last once more.
      const auto& [labels, samples] = *want.begin();
      const auto& [t, bits] = *samples.rbegin();
      appender->Append(SeriesRef::kNone, labels, {t, std::bit_cast<double>(bits)});
      ASSERT_TRUE(appender->Commit().ok());
    };
    scrape_some();
    const auto querier = *db_->NewQuerier(kAll);
    EXPECT_THAT(querier->Warnings(), SizeIs(1));
    EXPECT_EQ(db_->Delete({}, kAll).code(), absl::StatusCode::kUnavailable);
    int looks = 0;
    const int stop_at = life < 3 ? 1 + static_cast<int>(random() % 6) : 1 << 30;
    const absl::Status status = db_->Replay([&](const ReplayProgress&) {
      scrape_some();
      if (random() % 3 == 0) {
        EXPECT_TRUE(db_->FlushHead().ok());
      }
      return ++looks < stop_at;
    });
    if (life < 3 && absl::IsCancelled(status)) continue;
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(Difference(ReadAll(*db_), want), "") << "life " << life;
    EXPECT_THAT((*db_->NewQuerier(kAll))->Warnings(), IsEmpty());
  }
  ASSERT_TRUE(db_->FlushHead().ok());
  EXPECT_EQ(Difference(ReadAll(*db_), want), "");
  EXPECT_EQ(db_->NewAppender()->Append(SeriesRef::kNone, TestLabels(0), {kStart, 1}).outcome,
            Outcome::kOutOfBounds);
}

// On a full disk every try to begin a log makes a segment and takes it away again.
TEST_F(DatabaseTest, ReadsTheLogOfBeforeTheStartAndNothingThatComesLater) {
  SampleModel want;
  for (int i = 0; i < 10; ++i) Scrape(kStart + i * 15'000, 5, &want);
  const std::string copy = temp_.path() + "/full";
  testing_support::CopyDir(dir(), copy);
  testing_support::FaultyFiles files;
  files.FailAfter(0);
  DatabaseOptions options = Options(copy);
  options.replay_on_open = false;
  options.wal.files = &files;
  auto db = Database::Open(options);
  ASSERT_TRUE(db.ok()) << db.status();
  fs::create_symlink("gone", copy + "/tidemark/wal/00000099");
  const absl::Status status = (*db)->Replay(nullptr);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(Difference(ReadAll(**db), want), "");
  fs::remove(copy + "/tidemark/wal/00000099");
  files.Heal();
  EXPECT_TRUE((*db)->Recover().ok());
}

TEST_F(DatabaseTest, WithoutItsWatermarkNothingIsLostOrDoubled) {
  SampleModel want;
  for (int i = 0; i < 300; ++i) {
    Scrape(kStart + i * 15'000, 20, &want);
    if (i % 100 == 99) {
      ASSERT_TRUE(db_->FlushHead().ok());
    }
    if (i == 150) {
      const auto copy = OpenCopy("whole");
      EXPECT_EQ(Difference(ReadAll(*copy), want), "");
    }
  }
  for (int i = 300; i < 320; ++i) Scrape(kStart + i * 15'000, 20, &want);
  const std::string copy = temp_.path() + "/damaged";
  testing_support::CopyDir(dir(), copy);
  // The tables of the default family are by far the smallest.
  for (const auto& file : fs::directory_iterator(copy + "/tidemark/blocks")) {
    if (file.path().extension() != ".sst" || file.file_size() > 1100) continue;
    std::fstream stream(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(20);
    stream.put('~');
  }
  auto db = Database::Open(Options(copy));
  ASSERT_TRUE(db.ok()) << db.status();
  EXPECT_EQ(Difference(ReadAll(**db), want), "");
}

// A flush that began while the log was read, and ends when it is, must not promise more.
TEST_F(DatabaseTest, AFlushMayOutlastTheReadingOfTheLog) {
  DatabaseOptions options = Options(dir());
  options.wal.segment_bytes = 4 << 10;
  ASSERT_TRUE(db_->Close().ok());
  db_ = *Database::Open(options);
  SampleModel want;
  for (int i = 0; i < 200; ++i) Scrape(kStart + i * 15'000, 25, &want);
  const std::string copy = temp_.path() + "/life-2", crashed = temp_.path() + "/life-3";
  testing_support::CopyDir(dir(), copy);
  options.dir = copy;
  options.replay_on_open = false;
  db_ = *Database::Open(options);
  Scrape(kStart + 200 * 15'000, 25, &want);

  std::atomic<bool> read{false};
  std::thread flusher;
  absl::Notification cut;
  after_step_ = [&](FlushStep step) {
    if (step != FlushStep::kSeriesWritten) return;
    cut.Notify();
    for (int i = 0; i < 300 && !read; ++i) absl::SleepFor(absl::Milliseconds(1));
  };
  const absl::Status status = db_->Replay([&](const ReplayProgress& now) {
    const bool in_the_middle = now.min < now.max && now.current == (now.min + now.max) / 2;
    if (in_the_middle && !flusher.joinable()) {
      flusher = std::thread([&] { EXPECT_TRUE(db_->FlushHead().ok()); });
      cut.WaitForNotification();
    }
    return true;
  });
  read = true;
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_TRUE(flusher.joinable());
  flusher.join();
  after_step_ = nullptr;
  EXPECT_EQ(Difference(ReadAll(*db_), want), "");
  testing_support::CopyDir(copy, crashed);
  options.dir = crashed;
  options.replay_on_open = true;
  db_ = *Database::Open(options);
  EXPECT_EQ(Difference(ReadAll(*db_), want), "");
}

TEST_F(DatabaseTest, CountsOfTheHeadHoldWhileTheLogIsRead) {
  constexpr uint64_t kSeries = 5;
  SampleModel want;
  for (int i = 0; i < 100; ++i) Scrape(kStart + i * 15'000, kSeries, &want);
  DatabaseOptions options = Options(temp_.path() + "/life-2");
  testing_support::CopyDir(dir(), options.dir);
  db_ = *Database::Open(options);  // A second segment.
  for (int i = 100; i < 900; ++i) Scrape(kStart + i * 15'000, kSeries, &want);
  const std::string copy = temp_.path() + "/life-3";
  testing_support::CopyDir(options.dir, copy);
  options.dir = copy;
  options.replay_on_open = false;
  db_ = *Database::Open(options);
  int looks = 0;  // At the second segment.
  ASSERT_TRUE(db_->Replay([&](const ReplayProgress& now) {
    if (now.done || now.current == now.min || ++looks == 1) return true;
    if (looks == 2) {
      EXPECT_GT(db_->head_info().num_samples, 100 * kSeries);
      EXPECT_TRUE(db_->FlushHead().ok());
      EXPECT_EQ(db_->head_info().num_samples, 0u);
    } else {
      EXPECT_GT(db_->head_info().num_samples, 0u);
    }
    EXPECT_LE(db_->head_info().num_samples, 900 * kSeries);
    return true;
  }).ok());
  EXPECT_GT(looks, 2);
  EXPECT_EQ(Difference(ReadAll(*db_), want), "");
}

// What is taken while the log is read was judged without it: the next start must not refuse it.
TEST_F(DatabaseTest, OlderSamplesTakenWhileTheLogIsReadSurviveTheNextCrash) {
  SampleModel want;
  for (int i = 0; i < 40; ++i) Scrape(kStart + i * 15'000, 5, &want);
  for (int life = 2; life < 7; ++life) {  // All but the last are killed while they read.
    const std::string copy = temp_.path() + fmt::format("/life-{}", life);
    testing_support::CopyDir(life == 2 ? dir() : temp_.path() + fmt::format("/life-{}", life - 1),
                             copy);
    DatabaseOptions options = Options(copy);
    options.replay_on_open = false;
    db_ = *Database::Open(options);
    Scrape(kStart + 20 * 15'000 + life, 5, &want);  // From a sender that lags behind.
    const absl::Status status = db_->Replay([&](const ReplayProgress&) { return life == 6; });
    ASSERT_EQ(absl::IsCancelled(status), life < 6) << status;
  }
  EXPECT_EQ(Difference(ReadAll(*db_), want), "");
  ASSERT_TRUE(db_->FlushHead().ok());
  EXPECT_EQ(Difference(ReadAll(*db_), want), "");
}

// Value by series and time, so that whoever sends a sample twice sends the same.
TEST_F(DatabaseTest, LateSamplesOfAnyAgeSurviveFlushesAndCrashesAtEveryStep) {
  const uint32_t seed = testing_support::Seed();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  constexpr int64_t kMonth = 30ll * 24 * 3600 * 1000;
  db_->SetOutOfOrderWindow(kMonth);
  SampleModel want;
  int crashes = 0;
  model::TimeMs now = kStart;
  for (int round = 0; round < 60; ++round) {
    now += 15'000;
    clock_.now_ms = now;
    auto appender = db_->NewAppender();
    for (int i = 0; i < 20; ++i) {
      model::TimeMs t = now;
      if (random() % 3 == 0) t -= static_cast<int64_t>(random() % 600'000);
      if (random() % 20 == 0) t -= static_cast<int64_t>(random() % (kMonth / 1000)) * 999;
      const model::Labels labels = TestLabels(i % 15);
      const double value = static_cast<double>(t % 1'000'003 + i % 15);
      ASSERT_EQ(appender->Append(SeriesRef::kNone, labels, {t, value}).outcome, Outcome::kAccepted);
      want[labels][t] = Bits(value);
    }
    ASSERT_TRUE(appender->Commit().ok());
    if (random() % 10 != 0) continue;
    after_step_ = [&](FlushStep step) {
      ++crashes;
      EXPECT_EQ(Difference(ReadAll(*db_), want), "") << static_cast<int>(step);
      const auto copy = OpenCopy("crashed");
      EXPECT_EQ(Difference(ReadAll(*copy), want), "") << "crashed after " << static_cast<int>(step);
    };
    ASSERT_TRUE(db_->FlushHead().ok());
    after_step_ = nullptr;
    EXPECT_EQ(Difference(ReadAll(*db_), want), "");
  }
  for (const BlockMeta& meta : db_->blocks()->Metas()) {
    EXPECT_LE(meta.range.max - meta.range.min, 24 * 3600 * 1000);
  }
  Reopen();
  EXPECT_EQ(Difference(ReadAll(*db_), want), "");
}

// Scrapes while the clock is a year ahead, and after it came back; with a crash after each step of
// the flushes, and with the log that a crash leaves before any.
TEST_F(DatabaseTest, AClockThatWasAheadLocksNoSeriesOut) {
  constexpr int64_t kYear = 365ll * 24 * 3600 * 1000;
  SampleModel want;
  int64_t ahead_ms = 0;
  const auto scrape = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      clock_.now_ms = kStart + i * 15'000 + ahead_ms;
      Scrape(clock_.now_ms, 7, &want);
    }
  };
  const auto crash = [&] {
    EXPECT_EQ(Difference(ReadAll(*db_), want), "");
    const auto copy = OpenCopy("crashed");
    EXPECT_EQ(Difference(ReadAll(*copy), want), "");
  };
  after_step_ = [&](FlushStep) { crash(); };
  scrape(0, 50);
  ASSERT_TRUE(db_->FlushHead().ok());
  scrape(50, 60);
  ahead_ms = kYear;
  scrape(60, 70);
  for (int round = 0; round < 3; ++round) {
    if (round == 1) ahead_ms = 0;
    const uint64_t late = db_->stats().late_appended;
    const int from = 70 + round * 10;
    scrape(from, from + 10);
    EXPECT_EQ(db_->stats().late_appended - late, round == 1 ? 70u : 0u);
    crash();
    ASSERT_TRUE(db_->FlushHead().ok());
  }
  EXPECT_EQ(db_->stats().out_of_order, 0u);
  scrape(100, 110);
  after_step_ = nullptr;
  crash();
  // In order again, and judged so.
  EXPECT_EQ(db_->NewAppender()->Append(SeriesRef::kNone, TestLabels(0), {kStart, 0}).outcome,
            Outcome::kOutOfOrder);
  Reopen();
  EXPECT_EQ(Difference(ReadAll(*db_), want), "");
}

TEST_F(DatabaseTest, WhichOfTwoValuesAtOneTimeStaysDoesNotChangeWithAFlush) {
  db_->SetOutOfOrderWindow(3'600'000);
  SampleModel want;
  const auto append = [&](model::TimeMs t, double v) {
    auto appender = db_->NewAppender();
    const Appended appended = appender->Append(SeriesRef::kNone, TestLabels(0), {t, v});
    ASSERT_EQ(appended.outcome, Outcome::kAccepted);
    ASSERT_TRUE(appender->Commit().ok());
    want[TestLabels(0)].try_emplace(t, Bits(v));  // The first that came.
  };
  for (int i = 0; i < 300; ++i) append(kStart + i * 1000, i);
  for (int i = 7; i < 300; i += 7) append(kStart + i * 1000, -1);
  for (int i = 9; i < 300; i += 9) append(kStart + i * 1000 + 500, -2);
  for (int i = 9; i < 300; i += 3) append(kStart + i * 1000 + 500, -3);
  EXPECT_EQ(Difference(ReadAll(*db_), want), "");
  EXPECT_EQ(Difference(ReadAll(*OpenCopy("crashed")), want), "");
  ASSERT_TRUE(db_->FlushHead().ok());
  EXPECT_EQ(Difference(ReadAll(*db_), want), "");
  Reopen();
  EXPECT_EQ(Difference(ReadAll(*db_), want), "");
}

TEST_F(DatabaseTest, SamplesAreThereBeforeAndAfterFlushAndRestart) {
  SampleModel want;
  for (int i = 0; i < 300; ++i) {
    Scrape(kStart + i * 15'000, 30, &want);
    if (i % 50 == 49) {
      ASSERT_TRUE(db_->FlushHead().ok());
    }
    if (i == 170) {
      ASSERT_NO_FATAL_FAILURE(Reopen());
    }
  }
  EXPECT_EQ(Difference(ReadAll(*db_), want), "");
  const model::TimeRange part{kStart + 600'000, kStart + 3'000'000};
  EXPECT_EQ(Difference(ReadAll(*db_, part), Within(want, part)), "");
  EXPECT_EQ(db_->range(), (model::TimeRange{kStart, kStart + 299 * 15'000}));
  ASSERT_NO_FATAL_FAILURE(Reopen());
  EXPECT_EQ(db_->stats().head.num_samples, 0u);  // Nothing was left to replay.
  EXPECT_EQ(Difference(ReadAll(*db_), want), "");
}

TEST_F(DatabaseTest, ACrashAtAnyStepOfAFlushLosesAndDoublesNothing) {
  SampleModel want;
  for (int i = 0; i < 60; ++i) Scrape(kStart + i * 15'000, 20, &want);
  ASSERT_TRUE(db_->FlushHead().ok());
  for (int i = 60; i < 100; ++i) Scrape(kStart + i * 15'000, 20, &want);

  int steps = 0;
  after_step_ = [&](FlushStep step) {
    ++steps;
    // Ingest goes on while the head is flushed; the series of the copy are known by the checkpoint.
    const model::TimeMs t = kStart + (100 + static_cast<int>(step)) * 15'000;
    Scrape(t, 21, &want);
    const auto copy = OpenCopy(fmt::format("step-{}", static_cast<int>(step)));
    ASSERT_NE(copy, nullptr);
    EXPECT_EQ(Difference(ReadAll(*copy), want), "") << "after step " << static_cast<int>(step);
    uint64_t in_blocks = 0;
    for (const BlockMeta& meta : copy->blocks()->Metas()) in_blocks += meta.num_samples;
    uint64_t all = 0;
    for (const auto& [labels, samples] : want) all += samples.size();
    EXPECT_EQ(in_blocks + copy->stats().head.num_samples, all);  // None twice.
    // The copy lives on: what it is given now goes to the right series, also after a flush.
    auto appender = copy->NewAppender();
    appender->Append(SeriesRef::kNone, TestLabels(3), {t + 1000, 7.0});
    ASSERT_TRUE(appender->Commit().ok());
    ASSERT_TRUE(copy->FlushHead().ok());
    SampleModel more = want;
    more[TestLabels(3)][t + 1000] = Bits(7.0);
    EXPECT_EQ(Difference(ReadAll(*copy), more), "") << "after step " << static_cast<int>(step);
  };
  ASSERT_TRUE(db_->FlushHead().ok());
  EXPECT_EQ(steps, 6);
  after_step_ = nullptr;
  EXPECT_EQ(Difference(ReadAll(*db_), want), "");
}

TEST_F(DatabaseTest, ACrashWithoutAnyFlushReplaysTheLog) {
  SampleModel want;
  for (int i = 0; i < 40; ++i) Scrape(kStart + i * 15'000, 10, &want);
  const auto copy = OpenCopy("copy");
  ASSERT_NE(copy, nullptr);
  EXPECT_EQ(Difference(ReadAll(*copy), want), "");
  EXPECT_EQ(copy->stats().clean_start, 0);  // The copied lock file was left behind.
  EXPECT_GT(copy->stats().replayed_records, 0u);
}

TEST_F(DatabaseTest, QueriesSeeWholeBatchesWhileTheHeadIsFlushedAndMoved) {
  constexpr int kSeries = 25;
  SampleModel want;
  Scrape(kStart, kSeries, &want);
  std::atomic<bool> stop{false};
  std::atomic<int> reads{0};
  std::vector<std::thread> readers;
  for (int r = 0; r < 2; ++r) {
    readers.emplace_back([&] {
      int64_t seen = 0;
      while (!stop || reads < 20) {
        const SampleModel got = ReadAll(*db_);
        ASSERT_EQ(got.size(), static_cast<size_t>(kSeries));
        const size_t samples = got.begin()->second.size();
        EXPECT_GE(static_cast<int64_t>(samples), seen);  // Nothing seen is gone again.
        seen = static_cast<int64_t>(samples);
        for (const auto& [labels, series] : got) {
          ASSERT_EQ(series.size(), samples) << labels.ToString();
          EXPECT_EQ(series.rbegin()->first - series.begin()->first,
                    static_cast<int64_t>(samples - 1) * 1000);  // Without a hole.
        }
        ++reads;
      }
    });
  }
  std::thread flusher([&] {
    while (!stop) EXPECT_TRUE(db_->FlushHead().ok());
  });
  for (int i = 1; i < 100 || db_->stats().flushes < 6; ++i) {
    Scrape(kStart + i * 1000, kSeries, &want);
  }
  stop = true;
  flusher.join();
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(Difference(ReadAll(*db_), want), "");
  EXPECT_GT(db_->stats().flushes, 1u);
}

TEST_F(DatabaseTest, AQuerierKeepsItsMomentThroughAFlush) {
  SampleModel want;
  for (int i = 0; i < 20; ++i) Scrape(kStart + i * 1000, 5, &want);
  auto querier = *db_->NewQuerier(kAll);
  const SampleModel then = want;
  for (int i = 20; i < 30; ++i) Scrape(kStart + i * 1000, 6, &want);
  ASSERT_TRUE(db_->FlushHead().ok());
  EXPECT_EQ(Difference(testing_support::ReadAll(*querier, kAll), then), "");
  EXPECT_EQ(Difference(ReadAll(*db_), want), "");
}

TEST_F(DatabaseTest, FlushingNothingMakesNoBlock) {
  ASSERT_TRUE(db_->FlushHead().ok());
  ASSERT_TRUE(db_->FlushHead().ok());
  EXPECT_THAT(db_->blocks()->Metas(), IsEmpty());
  EXPECT_EQ(db_->stats().flushes, 2u);
}

TEST_F(DatabaseTest, TheLogStaysShort) {
  SampleModel want;
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 10; ++i) Scrape(kStart + (round * 10 + i) * 15'000, 50, &want);
    ASSERT_TRUE(db_->FlushHead().ok());
    const fs::directory_iterator entries(dir() + "/tidemark/wal");
    EXPECT_EQ(std::distance(begin(entries), end(entries)), 2);  // One checkpoint, one segment.
  }
  EXPECT_GT(db_->wal_bytes(), 0u);
}

TEST_F(DatabaseTest, SeriesLongWithoutNewsLeaveTheHead) {
  SampleModel want;
  Scrape(kStart, 10, &want);
  ASSERT_TRUE(db_->FlushHead().ok());
  EXPECT_EQ(db_->stats().head.num_series, 10u);
  Scrape(kStart + 2 * 3600 * 1000, 4, &want);
  ASSERT_TRUE(db_->FlushHead().ok());
  EXPECT_EQ(db_->stats().head.num_series, 4u);
  EXPECT_EQ(Difference(ReadAll(*db_), want), "");
}

TEST_F(DatabaseTest, NamesComeFromHeadAndBlocks) {
  SampleModel want;
  Scrape(kStart, 3, &want);
  ASSERT_TRUE(db_->FlushHead().ok());
  auto appender = db_->NewAppender();
  const model::Labels fresh{{"__name__", "fresh"}, {"zone", "a"}};
  appender->Append(SeriesRef::kNone, fresh, {kStart + 1, 1});
  ASSERT_TRUE(appender->Commit().ok());
  appender.reset();
  auto querier = *db_->NewQuerier(kAll);
  EXPECT_THAT(*querier->LabelNames({}, 0), ElementsAre("__name__", "instance", "job", "zone"));
  EXPECT_THAT(*querier->LabelValues("__name__", {}, 0),
              ElementsAre("fresh", "metric_0", "metric_1", "metric_2"));
}

TEST_F(DatabaseTest, TheDirectoryIsLocked) {
  const absl::Status status = Database::Open(Options(dir())).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(base::message(status)), HasSubstr("in use"));
  EXPECT_THAT(std::string(base::message(status)), HasSubstr(dir()));
  ASSERT_TRUE(db_->Close().ok());
  EXPECT_FALSE(fs::exists(dir() + "/lock"));
  Open();
  EXPECT_EQ(db_->stats().clean_start, 1);
}

TEST_F(DatabaseTest, WithoutALockFileNothingIsLocked) {
  ASSERT_TRUE(db_->Close().ok());
  DatabaseOptions options = Options(dir());
  options.lock_dir = false;
  auto db = Database::Open(options);
  ASSERT_TRUE(db.ok()) << db.status();
  EXPECT_FALSE(fs::exists(dir() + "/lock"));
  EXPECT_EQ((*db)->stats().clean_start, -1);
}

TEST_F(DatabaseTest, ANewerFormatIsRefusedByNameAndADamagedOneIsMended) {
  SampleModel want;
  Scrape(kStart, 25, &want);
  ASSERT_TRUE(db_->Close().ok());
  std::ofstream(dir() + "/tidemark/FORMAT", std::ios::trunc) << "tidemark data format 9\n";
  absl::Status status = Database::Open(Options(dir())).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(base::message(status)), HasSubstr("format 9 is newer than 5"));
  const std::string mended = "tidemark data format 5";
  std::ofstream(dir() + "/tidemark/FORMAT", std::ios::trunc) << "tidemqrk data format 5\n";
  auto db = Database::Open(Options(dir()));
  ASSERT_TRUE(db.ok()) << db.status();
  EXPECT_EQ(Difference(ReadAll(**db), want), "");
  std::string line;
  std::getline(std::ifstream(dir() + "/tidemark/FORMAT"), line);
  EXPECT_EQ(line, mended);
  db->reset();
  fs::create_directories(dir() + "/other/tidemark");
  std::ofstream(dir() + "/other/tidemark/FORMAT") << "something else";
  status = Database::Open(Options(dir() + "/other")).status();
  EXPECT_THAT(std::string(base::message(status)), HasSubstr("does not say"));
}

TEST_F(DatabaseTest, DataOfPrometheusIsLeftAlone) {
  const std::string theirs = temp_.path() + "/prometheus";
  fs::create_directories(theirs + "/01ARZ3NDEKTSV4RRFFQ69G5FAV");
  fs::create_directories(theirs + "/wal");
  std::ofstream(theirs + "/01ARZ3NDEKTSV4RRFFQ69G5FAV/meta.json") << "{}";
  std::ofstream(theirs + "/wal/00000000") << "their log";
  ::testing::internal::CaptureStderr();
  {
    auto db = Database::Open(Options(theirs));
    ASSERT_TRUE(db.ok()) << db.status();
  }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("data of Prometheus"));
  EXPECT_TRUE(fs::exists(theirs + "/01ARZ3NDEKTSV4RRFFQ69G5FAV/meta.json"));
  EXPECT_EQ(fs::file_size(theirs + "/wal/00000000"), 9u);
  ::testing::internal::CaptureStderr();
  ASSERT_TRUE(Database::Open(Options(theirs)).ok());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              ::testing::Not(HasSubstr("data of Prometheus")));
}

TEST_F(DatabaseTest, ADirectoryThatCannotBeMadeIsAClearError) {
  std::ofstream(temp_.path() + "/file") << "x";
  const absl::Status status = Database::Open(Options(temp_.path() + "/file/data")).status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(base::message(status)), HasSubstr("/file/data"));
}

TEST_F(DatabaseTest, ClosedMeansClosed) {
  SampleModel want;
  Scrape(kStart, 3, &want);
  ASSERT_TRUE(db_->Close().ok());
  EXPECT_TRUE(db_->Close().ok());
  EXPECT_EQ(db_->NewQuerier(kAll).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(db_->FlushHead().code(), absl::StatusCode::kFailedPrecondition);
}

// A flush that cannot write keeps everything, and the next one that can takes it all.
TEST_F(DatabaseTest, AFailedFlushChangesNothing) {
  SampleModel want;
  for (int i = 0; i < 50; ++i) Scrape(kStart + i * 1000, 10, &want);
  const std::string unfinished = dir() + "/tidemark/blocks/unfinished";
  fs::remove_all(unfinished);  // No place to write files to.
  EXPECT_FALSE(db_->FlushHead().ok());
  EXPECT_EQ(db_->stats().flush_failures, 1u);
  EXPECT_EQ(Difference(ReadAll(*db_), want), "");
  EXPECT_EQ(Difference(ReadAll(*OpenCopy("copy")), want), "");
  Scrape(kStart + 60'000, 11, &want);
  fs::create_directories(unfinished);
  ASSERT_TRUE(db_->FlushHead().ok());
  EXPECT_EQ(Difference(ReadAll(*db_), want), "");
  EXPECT_THAT(db_->blocks()->Metas(), SizeIs(1));
}

// What kill -9 leaves: a child process commits and reports, and is killed while it works.
TEST_F(DatabaseTest, WhatWasAcknowledgedSurvivesKill) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer ends a child that starts threads";
#endif
  const std::string killed = temp_.path() + "/killed";
  std::mt19937 random(11);
  model::TimeMs next = kStart, acknowledged = 0;
  for (int round = 0; round < 6; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(pipe[0]);
      DatabaseOptions options;
      options.dir = killed;
      auto db = Database::Open(options);
      if (!db.ok()) ::_exit(1);
      for (int i = 0;; ++i) {
        auto appender = (*db)->NewAppender();
        const model::TimeMs t = next + i * 1000;
        for (int k = 0; k < 20; ++k) {
          appender->Append(SeriesRef::kNone, TestLabels(k), {t, static_cast<double>(k)});
        }
        if (!appender->Commit().ok() || ::write(pipe[1], &t, sizeof t) != sizeof t) ::_exit(1);
        if (i % 30 == 29 && !(*db)->FlushHead().ok()) ::_exit(1);
      }
    }
    ::close(pipe[1]);
    const int batches = 5 + static_cast<int>(random() % 150);
    model::TimeMs t;
    for (int i = 0; i < batches && ::read(pipe[0], &t, sizeof t) == sizeof t; ++i) acknowledged = t;
    ::kill(child, SIGKILL);
    while (::read(pipe[0], &t, sizeof t) == sizeof t) acknowledged = t;
    int status;
    ::waitpid(child, &status, 0);
    ::close(pipe[0]);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child failed by itself";

    auto db = Database::Open(Options(killed));
    ASSERT_TRUE(db.ok()) << db.status();
    const SampleModel got = ReadAll(**db);
    ASSERT_EQ(got.size(), 20u);
    const size_t count = got.begin()->second.size();
    for (const auto& [labels, samples] : got) {
      EXPECT_EQ(samples.size(), count);
      EXPECT_GE(samples.rbegin()->first, acknowledged);
    }
    // Whole batches, none missing: as many as there are seconds.
    EXPECT_EQ(static_cast<int64_t>(count - 1) * 1000, got.begin()->second.rbegin()->first - kStart);
    next = got.begin()->second.rbegin()->first + 1000;
  }
}

}  // namespace
}  // namespace storage
