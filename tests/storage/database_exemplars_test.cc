// Exemplars from the door in to the door out: head, flushes, blocks, deletes, crashes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <thread>

#include "storage/database.h"
#include "tests/testing/copy_dir.h"
#include "tests/testing/exemplar_model.h"
#include "tests/testing/sample_model.h"
#include "tests/testing/seed.h"
#include "tests/testing/temp_dir.h"

namespace storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing_support::Difference;
using testing_support::ExemplarModel;
using testing_support::ReadExemplars;
using testing_support::TestExemplar;
using testing_support::TestLabels;
using Set = std::vector<model::Matcher>;

constexpr model::TimeMs kStart = 1'700'000'000'000;
constexpr int64_t kHour = 3600 * 1000;
constexpr model::TimeRange kAll;

class FixedClock : public base::Clock {
 public:
  int64_t NowMs() const override { return now_ms; }
  std::atomic<int64_t> now_ms{kStart};
};

class DatabaseExemplarsTest : public ::testing::Test {
 protected:
  void SetUp() override { db_ = Open(dir()); }
  DatabaseOptions Options(const std::string& dir) {
    DatabaseOptions options;
    options.dir = dir;
    options.block_cache_bytes = 4 << 20;
    options.max_exemplars = max_exemplars_;
    options.out_of_order_window_ms = window_ms_;
    options.clock = &clock_;
    options.after_flush_step = [this](FlushStep step) {
      if (after_step_ && !quiet_) after_step_(step);
    };
    return options;
  }
  std::unique_ptr<Database> Open(const std::string& dir) {
    auto db = Database::Open(Options(dir));
    EXPECT_TRUE(db.ok()) << db.status();
    return db.ok() ? *std::move(db) : nullptr;
  }
  // What kill -9 leaves at this moment, opened in place of it.
  void Crash() {
    const std::string copy = Copy();
    db_.reset();
    std::filesystem::remove_all(dir());
    std::filesystem::rename(copy, dir());
    db_ = Open(dir());
  }
  // What the next start finds after kill -9 at this moment; and, then, after a flush.
  void ExpectAfterCrash(const ExemplarModel& want, std::string_view when) {
    const std::string copy = Copy();
    quiet_ = true;
    auto db = Open(copy);
    EXPECT_EQ(Difference(ReadExemplars(*db), want), "") << when;
    const absl::Status status = db->FlushHead();
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(Difference(ReadExemplars(*db), want), "") << when << ", flushed";
    db.reset();
    quiet_ = false;
  }
  std::string Copy() {
    const std::string copy = temp_.path() + "/copy";
    std::filesystem::remove_all(copy);
    testing_support::CopyDir(dir(), copy);
    return copy;
  }

  // A sample and an exemplar for some of the series.
  void Scrape(std::mt19937& random, ExemplarModel* want, bool samples = true) {
    clock_.now_ms += 15'000;
    auto appender = db_->NewAppender();
    for (int i = 0; i < 12; ++i) {
      const model::Labels labels = TestLabels(i);
      auto& ref = refs_[i];
      if (samples || ref == SeriesRef::kNone) {
        ref = appender->Append(SeriesRef::kNone, labels, {clock_.now_ms, 1}).ref;
      }
      if (i % 3 == 2 || random() % 2) continue;
      model::TimeMs t = clock_.now_ms - static_cast<int64_t>(random() % 1000);
      if (window_ms_ > 0 && random() % 3 == 0) t -= static_cast<int64_t>(random() % 100) * 1013;
      const model::Exemplar e =
          TestExemplar(t, static_cast<double>(random() % 9), std::to_string(random()));
      if (!appender->AppendExemplar(ref, e)) continue;
      // Beside the newest of one time there may be others, behind it there is one.
      const auto series = want->find(labels);
      const bool taken = series != want->end() &&
                         std::any_of(series->second.begin(), series->second.end(),
                                     [&](const auto& other) { return other.t == t; });
      ASSERT_FALSE(taken) << "choose another seed";
      (*want)[labels].insert(e);
    }
    ASSERT_TRUE(appender->Commit().ok());
  }
  std::string dir() const { return temp_.path() + "/data"; }

  testing_support::TempDir temp_;
  FixedClock clock_;
  int64_t max_exemplars_ = 100'000, window_ms_ = 0;
  std::map<int, SeriesRef> refs_;
  std::function<void(FlushStep)> after_step_;
  bool quiet_ = false;
  std::unique_ptr<Database> db_;
};

TEST_F(DatabaseExemplarsTest, ACrashAtAnyStepOfAFlushLosesAndDoublesNothing) {
  for (const int64_t window_ms : {int64_t{0}, kHour}) {
    window_ms_ = window_ms;
    db_->SetOutOfOrderWindow(window_ms);
    std::mt19937 random(7);
    ExemplarModel want = ReadExemplars(*db_);
    for (int round = 0; round < 2; ++round) {
      for (int i = 0; i < 5; ++i) Scrape(random, &want);
      int steps = 0;
      after_step_ = [&](FlushStep step) {
        ++steps;
        if (step != FlushStep::kHeadDropped) Scrape(random, &want);  // After the cut.
        EXPECT_EQ(Difference(ReadExemplars(*db_), want), "") << static_cast<int>(step);
        ExpectAfterCrash(want, fmt::format("after step {}", static_cast<int>(step)));
      };
      ASSERT_TRUE(db_->FlushHead().ok());
      after_step_ = nullptr;
      EXPECT_EQ(steps, 6);
      EXPECT_EQ(Difference(ReadExemplars(*db_), want), "");
      if (round % 2) Crash();
      refs_.clear();
    }
    ASSERT_TRUE(db_->Close().ok());
    db_ = Open(dir());
    EXPECT_EQ(Difference(ReadExemplars(*db_), want), "");
    // Of what lies in blocks only the newest of each series is remembered.
    EXPECT_LE(db_->stats().exemplars_stored, 12u);
    uint64_t in_blocks = 0, all = 0;
    for (const BlockMeta& meta : db_->blocks()->Metas()) in_blocks += meta.num_exemplars;
    for (const auto& [labels, exemplars] : want) all += exemplars.size();
    EXPECT_EQ(in_blocks, all);  // None twice.
  }
}

TEST_F(DatabaseExemplarsTest, TheyAreFoundByMatchersAndTimeInHeadAndBlocks) {
  std::mt19937 random(3);
  ExemplarModel want;
  for (int i = 0; i < 40; ++i) {
    Scrape(random, &want);
    if (i % 12 == 11) {
      ASSERT_TRUE(db_->FlushHead().ok());
    }
  }
  for (int i = 0; i < 50; ++i) {
    model::TimeRange range{kStart + static_cast<int64_t>(random() % 600'000), 0};
    range.max = range.min + static_cast<int64_t>(random() % 300'000);
    const Set set = {model::Matcher::Equal("job", random() % 2 ? "odd" : "even"),
                     *model::Matcher::Create(model::MatchType::kRegex, "__name__", "metric_[0-3]")};
    ExemplarModel expected;
    for (const auto& [labels, exemplars] : want) {
      if (labels.Get("job") != set[0].value() || !set[1].Matches(labels.Get("__name__"))) continue;
      for (const model::Exemplar& e : exemplars) {
        if (range.Contains(e.t)) expected[labels].insert(e);
      }
    }
    EXPECT_EQ(Difference(ReadExemplars(*db_, range, set), expected), "");
  }
  // Of several sets each series comes once.
  const std::vector<Set> sets = {{model::Matcher::Equal("job", "odd")}, {}};
  EXPECT_EQ(Difference(testing_support::ToModel(*db_->Exemplars(sets, kAll)), want), "");
}

TEST_F(DatabaseExemplarsTest, DeletesTakeThemFromHeadAndBlocks) {
  std::mt19937 random(4);
  ExemplarModel want;
  const auto remove = [&](const Set& set, model::TimeRange range) {
    const std::vector<Set> sets = {set};
    ASSERT_TRUE(db_->Delete(sets, range).ok());
    testing_support::DeleteExemplars(&want, set, range);
    EXPECT_EQ(Difference(ReadExemplars(*db_), want), "");
    ExpectAfterCrash(want, "after a delete");
  };
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 20; ++i) {
      Scrape(random, &want);
      if (i == 10) {
        ASSERT_TRUE(db_->FlushHead().ok());
      }
    }
    remove({model::Matcher::Equal("job", "odd")},
           {clock_.now_ms - 200'000, clock_.now_ms - 100'000});
    Scrape(random, &want);
    remove({model::Matcher::Equal("__name__", "metric_3")}, kAll);
    remove({}, {kStart, clock_.now_ms - 250'000});
  }
  remove({}, kAll);
  EXPECT_THAT(ReadExemplars(*db_), IsEmpty());
  Scrape(random, &want);
  EXPECT_EQ(Difference(ReadExemplars(*db_), want), "");
}

// Their own times may lie anywhere, also where there is no sample.
TEST_F(DatabaseExemplarsTest, DeletesGoByTheirOwnTimes) {
  auto appender = db_->NewAppender();
  const SeriesRef ref = appender->Append({}, TestLabels(0), {kStart, 1}).ref;
  const model::Exemplar old = TestExemplar(kStart - 400 * kHour, 1, "old");
  const model::Exemplar next = TestExemplar(kStart + 400 * kHour, 1, "next");
  ASSERT_TRUE(appender->AppendExemplar(ref, old));
  ASSERT_TRUE(appender->AppendExemplar(ref, next));
  ASSERT_TRUE(appender->Commit().ok());
  appender.reset();
  ASSERT_TRUE(db_->FlushHead().ok());
  EXPECT_EQ(db_->range(), (model::TimeRange{kStart, kStart}));
  const std::vector<Set> all = {{}};
  ASSERT_TRUE(db_->Delete(all, {kStart - kHour, kStart + kHour}).ok());  // The sample.
  ExemplarModel want = {{TestLabels(0), {old, next}}};
  EXPECT_EQ(Difference(ReadExemplars(*db_), want), "");
  ASSERT_TRUE(db_->Delete(all, {old.t, old.t}).ok());
  want[TestLabels(0)].erase(old);
  EXPECT_EQ(Difference(ReadExemplars(*db_), want), "");
  EXPECT_THAT(*(*db_->NewQuerier(kAll))->LabelValues("job", {}, 0), ElementsAre("even"));
  ASSERT_TRUE(db_->Delete(all, {old.t, next.t}).ok());
  EXPECT_THAT(ReadExemplars(*db_), IsEmpty());
  EXPECT_THAT(*(*db_->NewQuerier(kAll))->LabelValues("job", {}, 0), IsEmpty());
}

TEST_F(DatabaseExemplarsTest, ABlockMayHaveNothingElse) {
  std::mt19937 random(5);
  ExemplarModel want;
  Scrape(random, &want);
  ASSERT_TRUE(db_->FlushHead().ok());
  for (int i = 0; i < 3; ++i) Scrape(random, &want, /*samples=*/false);
  ASSERT_TRUE(db_->FlushHead().ok());
  const std::vector<BlockMeta> metas = db_->blocks()->Metas();
  ASSERT_THAT(metas, SizeIs(2));
  EXPECT_EQ(metas[1].num_samples, 0u);
  EXPECT_GT(metas[1].num_exemplars, 0u);
  EXPECT_EQ(metas[1].range, (model::TimeRange{clock_.now_ms, clock_.now_ms}));
  EXPECT_EQ(Difference(ReadExemplars(*db_), want), "");
  ExpectAfterCrash(want, "after a flush");
  const auto querier = *db_->NewQuerier(kAll);
  EXPECT_THAT(testing_support::ReadAll(*querier, kAll), SizeIs(12));
}

TEST_F(DatabaseExemplarsTest, MemoryHoldsNoMoreThanItMay) {
  ASSERT_TRUE(db_->Close().ok());
  max_exemplars_ = 10;
  db_ = Open(dir());
  const auto append = [&](int i) {
    clock_.now_ms = kStart + i * 1000;
    auto appender = db_->NewAppender();
    const SeriesRef ref = appender->Append({}, TestLabels(i % 3), {clock_.now_ms, 1}).ref;
    EXPECT_TRUE(appender->AppendExemplar(ref, TestExemplar(clock_.now_ms, i, "a")));
    EXPECT_TRUE(appender->Commit().ok());
  };
  for (int i = 0; i < 25; ++i) append(i);
  EXPECT_EQ(db_->stats().exemplars_stored, 10u);
  size_t found = 0;
  for (const auto& [labels, exemplars] : ReadExemplars(*db_)) {
    found += exemplars.size();
    EXPECT_GE(exemplars.begin()->t, kStart + 15'000);  // The last ten.
  }
  EXPECT_EQ(found, 10u);
  ASSERT_TRUE(db_->FlushHead().ok());
  EXPECT_EQ(db_->stats().exemplars_stored, 3u);
  for (int i = 25; i < 32; ++i) append(i);
  found = 0;
  for (const auto& [labels, exemplars] : ReadExemplars(*db_)) found += exemplars.size();
  EXPECT_EQ(found, 17u);  // What was flushed made room.

  ASSERT_TRUE(db_->Close().ok());
  max_exemplars_ = 0;  // None are taken, and what is there is found.
  db_ = Open(dir());
  found = 0;
  for (const auto& [labels, exemplars] : ReadExemplars(*db_)) found += exemplars.size();
  EXPECT_EQ(found, 17u);
}

// A source shows its last exemplar until there is another, through flushes, restarts and crashes.
TEST_F(DatabaseExemplarsTest, OneThatIsShownAgainIsKeptOnce) {
  ExemplarModel want;
  model::Exemplar e = TestExemplar(0, 0.5, "a");
  e.has_time = false;
  for (int i = 1; i <= 30; ++i) {
    clock_.now_ms += 15'000;
    if (i % 11 == 0) e.value += 1;
    e.t = clock_.now_ms;
    auto appender = db_->NewAppender();
    const SeriesRef ref = appender->Append({}, TestLabels(0), {clock_.now_ms, 1}).ref;
    ASSERT_TRUE(appender->AppendExemplar(ref, e));
    ASSERT_TRUE(appender->Commit().ok());
    appender.reset();
    if (i == 1 || i % 11 == 0) want[TestLabels(0)].insert(e);
    if (i % 4 == 0) {
      ASSERT_TRUE(db_->FlushHead().ok());
    }
    if (i % 6 == 0) Crash();
    EXPECT_EQ(Difference(ReadExemplars(*db_), want), "") << i;
  }
}

TEST_F(DatabaseExemplarsTest, WhatIsTakenWhileTheOldLogIsReadAndWhatTheLogHasAreKept) {
  const uint32_t seed = testing_support::Seed();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  ExemplarModel want;
  int value = 0;
  const auto append = [&](Database& db) {
    clock_.now_ms += 1000;
    auto appender = db.NewAppender();
    for (int i = 0; i < 20; ++i) {
      const SeriesRef ref = appender->Append({}, TestLabels(i), {clock_.now_ms, 1}).ref;
      if (random() % 2) continue;
      const model::Exemplar e = TestExemplar(clock_.now_ms, ++value, "a");
      ASSERT_TRUE(appender->AppendExemplar(ref, e));
      want[TestLabels(i)].insert(e);
    }
    ASSERT_TRUE(appender->Commit().ok());
  };
  for (int i = 0; i < 400; ++i) {
    append(*db_);
    if (i == 100) {
      ASSERT_TRUE(db_->FlushHead().ok());
    }
  }
  std::string from = dir();
  for (int life = 0; life < 4; ++life) {  // The first three are killed while they read.
    DatabaseOptions options = Options(temp_.path() + fmt::format("/life-{}", life));
    testing_support::CopyDir(from, options.dir);
    from = options.dir;
    options.replay_on_open = false;
    options.wal.segment_bytes = 4 << 10;
    db_ = *Database::Open(options);
    append(*db_);
    int looks = 0;
    const int stop_at = life < 3 ? 1 + static_cast<int>(random() % 6) : 1 << 30;
    const absl::Status status = db_->Replay([&](const ReplayProgress&) {
      append(*db_);
      if (random() % 3 == 0) {
        EXPECT_TRUE(db_->FlushHead().ok());
      }
      return ++looks < stop_at;
    });
    if (life < 3 && absl::IsCancelled(status)) continue;
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(Difference(ReadExemplars(*db_), want), "") << "life " << life;
  }
  ASSERT_TRUE(db_->FlushHead().ok());
  EXPECT_EQ(Difference(ReadExemplars(*db_), want), "");
}

TEST_F(DatabaseExemplarsTest, AQueryBesideFlushesFindsEachOnce) {
  std::mt19937 random(6);
  ExemplarModel want;
  for (int i = 0; i < 10; ++i) Scrape(random, &want);
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop) {
      const ExemplarModel got = ReadExemplars(*db_, {kStart, kStart + 150'000});
      EXPECT_EQ(Difference(got, want), "");
      if (HasFailure()) return;
    }
  });
  std::mt19937 other(8);
  for (int i = 0; i < 20; ++i) {
    ExemplarModel later;
    Scrape(other, &later);
    EXPECT_TRUE(db_->FlushHead().ok());
  }
  stop = true;
  reader.join();
}

// A series is not forgotten while no block has its exemplars.
TEST_F(DatabaseExemplarsTest, WhatCameAfterTheCutOutlivesAnIdleSeries) {
  auto appender = db_->NewAppender();
  const SeriesRef idle = appender->Append({}, TestLabels(0), {kStart, 1}).ref;
  appender->Append({}, TestLabels(1), {kStart, 1});
  ASSERT_TRUE(appender->Commit().ok());
  appender.reset();
  ASSERT_TRUE(db_->FlushHead().ok());
  clock_.now_ms = kStart + 3 * kHour;
  appender = db_->NewAppender();
  appender->Append({}, TestLabels(1), {clock_.now_ms, 1});
  ASSERT_TRUE(appender->Commit().ok());
  appender.reset();
  const model::Exemplar e = TestExemplar(clock_.now_ms, 1, "a");
  after_step_ = [&](FlushStep step) {
    if (step != FlushStep::kSeriesWritten) return;
    const auto late = db_->NewAppender();
    EXPECT_TRUE(late->AppendExemplar(idle, e));
    EXPECT_TRUE(late->Commit().ok());
  };
  ASSERT_TRUE(db_->FlushHead().ok());
  after_step_ = nullptr;
  const ExemplarModel want = {{TestLabels(0), {e}}};
  EXPECT_EQ(Difference(ReadExemplars(*db_), want), "");
  ExpectAfterCrash(want, "after the flush");
  ASSERT_TRUE(db_->FlushHead().ok());
  EXPECT_EQ(Difference(ReadExemplars(*db_), want), "");
  EXPECT_EQ(db_->stats().head.num_series, 1u);  // It may go now.
}

}  // namespace
}  // namespace storage
