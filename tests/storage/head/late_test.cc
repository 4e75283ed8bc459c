#include "storage/head/late_samples.h"

#include <map>
#include <random>
#include <tuple>

#include "tests/storage/head/head_fixture.h"

namespace storage {
namespace {

using testing_support::Bits;
using testing_support::Difference;

constexpr int64_t kMinute = 60'000, kHour = 60 * kMinute;
constexpr model::TimeMs kStart = 1'700'000'000'000;

class LateTest : public HeadFixture {
 protected:
  void SetUp() override {
    HeadFixture::SetUp();
    head_->SetOutOfOrderWindow(30 * kMinute);
  }
  SampleModel Now() {
    const auto querier = head_->NewQuerier({});
    return ReadAll(querier.get());
  }
  const Labels up_{{"__name__", "up"}};
  const Labels other_{{"__name__", "other"}};
};

TEST_F(LateTest, JudgesBySpec) {
  ASSERT_EQ(AppendOne(up_, kStart, 1), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(up_, kStart, 1), Outcome::kAccepted);   // A repeat.
  EXPECT_EQ(AppendOne(up_, kStart, 2), Outcome::kDuplicate);
  EXPECT_EQ(AppendOne(up_, kStart - kMinute, 3), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(up_, kStart - kMinute, 4), Outcome::kAccepted);  // Dropped in silence.
  EXPECT_EQ(AppendOne(up_, kStart - 30 * kMinute, 5), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(up_, kStart - 30 * kMinute - 1, 6), Outcome::kTooOld);
  EXPECT_EQ(AppendOne(other_, kStart - 2 * kHour, 6), Outcome::kTooOld);
  // Not late, for it is new and within the hour.
  EXPECT_EQ(AppendOne(other_, kStart - 50 * kMinute, 7), Outcome::kAccepted);
  head_->SetOutOfOrderWindow(0);
  EXPECT_EQ(AppendOne(up_, kStart - kMinute, 3), Outcome::kOutOfOrder);
  EXPECT_EQ(AppendOne(up_, kStart - 2 * kHour, 3), Outcome::kOutOfBounds);
  EXPECT_EQ(head_->stats().late_appended, 3u);
  const SampleModel want = {
      {up_, {{kStart - 30 * kMinute, Bits(5)}, {kStart - kMinute, Bits(3)}, {kStart, Bits(1)}}},
      {other_, {{kStart - 50 * kMinute, Bits(7)}}}};
  EXPECT_EQ(Difference(Now(), want), "");
  Start();
  EXPECT_EQ(Difference(Now(), want), "");
}

TEST_F(LateTest, OneBatchIsSeenAsAWhole) {
  ASSERT_EQ(AppendOne(up_, kStart, 1), Outcome::kAccepted);
  const auto before = head_->NewQuerier({});
  ASSERT_TRUE(Append({{up_, {kStart + 1, 2}}, {up_, {kStart - 1, 0}}}).ok());
  EXPECT_EQ(Difference(ReadAll(before.get()), {{up_, {{kStart, Bits(1)}}}}), "");
  EXPECT_EQ(Difference(Now(), {{up_, {{kStart - 1, Bits(0)}, {kStart, Bits(1)}, {kStart + 1, Bits(2)}}}}),
            "");
}

TEST_F(LateTest, AClockThatRunsAheadDoesNotLockOutTheOthers) {
  constexpr model::TimeMs kNow = 1'790'000'000'000;
  class Fixed : public base::Clock {
   public:
    int64_t NowMs() const override { return kNow; }
  } clock;
  options_.clock = &clock;
  Start();
  ASSERT_EQ(AppendOne(up_, kNow + 365 * 24 * kHour, 1), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(other_, kNow, 2), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(other_, kNow + 15'000, 2), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(up_, kNow + 15'000, 2), Outcome::kAccepted);
  head_.reset();  // Before the clock.
}

TEST_F(LateTest, FlushGivesLateSamplesByWindowAndQueriersGoOnSeeingThem) {
  head_->SetOutOfOrderWindow(100 * 24 * kHour);
  ASSERT_EQ(AppendOne(up_, kStart, 1), Outcome::kAccepted);
  ASSERT_EQ(AppendOne(up_, kStart - kMinute, 2), Outcome::kAccepted);
  ASSERT_EQ(AppendOne(up_, kStart - 40 * 24 * kHour, 3), Outcome::kAccepted);
  ASSERT_EQ(AppendOne(up_, kStart - 40 * 24 * kHour - 1, 4), Outcome::kAccepted);
  const SampleModel want = Now();
  const auto before = head_->NewQuerier({});
  ASSERT_TRUE(head_->CutForFlush().ok());
  auto cursor = head_->FlushCursor();
  ASSERT_TRUE(*cursor->Next());
  EXPECT_EQ(cursor->chunks()[0].num_samples, 1);
  ASSERT_FALSE(*cursor->Next());
  const auto ranges = head_->LateRanges();
  ASSERT_EQ(ranges.size(), 2u);
  EXPECT_EQ(ranges[0].max - ranges[0].min + 1, 24 * kHour);
  EXPECT_EQ(ranges[1].max - ranges[1].min + 1, 2 * kHour);
  auto late = head_->LateCursor(ranges[0]);
  ASSERT_TRUE(*late->Next());
  EXPECT_EQ(late->chunks()[0].num_samples, 2);
  EXPECT_FALSE(*late->Next());
  ASSERT_EQ(AppendOne(up_, kStart - 2 * kMinute, 5), Outcome::kAccepted);  // Not with this flush.
  cursor.reset();
  late.reset();
  head_->DropFlushed(kNever);
  EXPECT_EQ(Difference(ReadAll(before.get()), want), "");
  EXPECT_EQ(Difference(Now(), {{up_, {{kStart - 2 * kMinute, Bits(5)}}}}), "");
}

// What replay brings behind new data costs as much as a chunk does, not as a sample that waits.
TEST(LateSamplesTest, WhatAscendsAndEverybodySeesIsPacked) {
  LateSamples late;
  for (int i = 0; i < 1000; ++i) late.Add({{kStart + i * 15'000, 1e6 + i}});
  EXPECT_EQ(late.size(), 1000u);
  EXPECT_LT(late.heap_bytes(), 1000 * sizeof(LateSample) / 8);
  EXPECT_EQ(late.times(), (model::TimeRange{kStart, kStart + 999 * 15'000}));
  EXPECT_EQ(late.Newest(kStart + 20'000).t, kStart + 15'000);
}

// Against lists of samples: what comes, in any order, is collected and given to flushes while more
// comes.
TEST(LateSamplesTest, AgreesWithPlainLists) {
  using Seen = std::map<model::TimeMs, std::tuple<uint64_t, bool, model::TimeMs>>;
  struct Plain {
    std::vector<LateSample> runs, loose;
    Seen See(size_t num_runs, size_t num_loose, model::TimeRange range) const {
      Seen seen;
      const auto add = [&](const LateSample& l) {
        if (!range.Contains(l.sample.t)) return;
        seen.try_emplace(l.sample.t, Bits(l.sample.v), l.histogram != nullptr, l.start);
      };
      for (size_t i = 0; i < num_runs; ++i) add(runs[i]);
      for (size_t i = 0; i < num_loose; ++i) add(loose[i]);
      return seen;
    }
  };
  const auto see = [](const LateParts& parts, model::TimeRange range) {
    std::vector<LateSample> samples;
    parts.Expand(range, &samples);
    SortLate(samples.begin(), &samples);
    Seen seen;
    for (const LateSample& l : samples) {
      seen.try_emplace(l.sample.t, Bits(l.sample.v), l.histogram != nullptr, l.start);
    }
    return seen;
  };
  for (uint64_t seed = 0; seed < 60; ++seed) {
    std::mt19937_64 random(seed);
    const auto one_of = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
    LateSamples late;
    Plain plain;
    model::TimeMs next = kStart, last_run = kNever;
    size_t given_runs = 0, given_loose = 0;
    bool giving = false;
    const int64_t odd = 1 + one_of(40);
    for (int step = 0; step < 1500; ++step) {
      LateSample sample{{next += one_of(30'000), static_cast<double>(one_of(5))}};
      if (one_of(odd) == 0) sample.sample.t -= one_of(400'000);
      if (one_of(odd) == 0) sample.seq = 1 + static_cast<CommitSeq>(step);
      if (one_of(4 * odd) == 0) sample.histogram = std::make_shared<const model::AnyHistogram>();
      if (one_of(4 * odd) == 0) sample.start = 5;
      const bool packed = sample.seq == 0 && !sample.histogram && sample.start == 0 &&
                          (plain.runs.empty() || sample.sample.t > last_run);
      if (packed) last_run = sample.sample.t;
      (packed ? plain.runs : plain.loose).push_back(sample);
      const size_t bytes = late.heap_bytes(), grown = late.Add(sample);
      ASSERT_EQ(late.heap_bytes(), bytes + grown);
      ASSERT_EQ(late.size(), plain.runs.size() + plain.loose.size());
      if (one_of(50) == 0) {
        const model::TimeRange range{next - one_of(3'000'000), next - one_of(100'000)};
        LateParts parts;
        late.Collect({.newest = 1u << 20}, range, &parts);
        ASSERT_EQ(see(parts, range), plain.See(plain.runs.size(), plain.loose.size(), range));
      }
      if (!giving && one_of(200) == 0) {
        const CommitSnapshot cut{.newest = static_cast<CommitSeq>(std::max<int64_t>(0, step - one_of(100)))};
        given_runs = plain.runs.size();
        given_loose = 0;
        while (given_loose < plain.loose.size() && cut.Sees(plain.loose[given_loose].seq)) ++given_loose;
        giving = late.Give(cut);
        ASSERT_EQ(giving, given_runs + given_loose > 0);
      }
      if (!giving || one_of(100) != 0) continue;
      ASSERT_EQ(see(late.given(), {}), plain.See(given_runs, given_loose, {}));
      late.DropGiven();
      ASSERT_FALSE(late.gives());
      plain.runs.erase(plain.runs.begin(), plain.runs.begin() + static_cast<std::ptrdiff_t>(given_runs));
      plain.loose.erase(plain.loose.begin(), plain.loose.begin() + static_cast<std::ptrdiff_t>(given_loose));
      giving = false;
    }
  }
}

// A commit came before the checkpoint was read, which knows of a newer sample in a block.
TEST_F(LateTest, ACheckpointBehindNewDataDoesNotBreakItsChunk) {
  for (int i = 0; i < 10; ++i) ASSERT_EQ(AppendOne(up_, kStart + i * 15'000, i), Outcome::kAccepted);
  Flush();
  ASSERT_EQ(AppendOne(up_, kStart + 200'000, 100), Outcome::kAccepted);
  log_.reset();
  auto fresh = std::make_unique<Head>(options_);
  fresh->SetOutOfOrderWindow(30 * kMinute);
  fresh->SetReplaying(true);
  wal::WriterOptions options;
  options.sync = wal::Sync::kOs;
  log_ = *wal::Writer::Open(dir_.path(), options, watermark_);
  fresh->AttachLog(log_.get());
  head_ = std::move(fresh);
  const uint32_t own = log_->stats().segment;
  ASSERT_EQ(AppendOne(up_, kStart + 7000, 50), Outcome::kAccepted);  // Older than what the block has.
  ASSERT_TRUE(head_->Replay(dir_.path(), watermark_, own, nullptr).ok());
  head_->SetReplaying(false);
  ASSERT_EQ(AppendOne(up_, kStart + 300'000, 101), Outcome::kAccepted);
  EXPECT_EQ(Difference(Now(), {{up_,
                                {{kStart + 7000, Bits(50)},
                                 {kStart + 200'000, Bits(100)},
                                 {kStart + 300'000, Bits(101)}}}}),
            "");
}

// A start reads old samples behind new ones, and flushes meanwhile.
TEST_F(LateTest, AnOldLogBehindNewDataIsWholeAndInOrder) {
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(Append({{up_, {kStart + i * 15'000, 1.0 * (i % 7)}}, {other_, {kStart + i * 15'000, 1.0 * i}}}).ok());
  }
  const SampleModel old = Now();
  auto fresh = std::make_unique<Head>(options_);
  fresh->SetReplaying(true);
  wal::WriterOptions options;
  options.sync = wal::Sync::kOs;
  log_.reset();
  auto log = *wal::Writer::Open(dir_.path(), options, 0);
  fresh->AttachLog(log.get());
  head_ = std::move(fresh);
  // Commits first, then all of the old log; and some commits amid it.
  constexpr int kNew = 40;
  SampleModel want = old;
  int n = 0;
  const auto commit = [&] {
    const model::TimeMs t = kStart + (1000 + n) * 15'000;
    ASSERT_TRUE(Append({{up_, {t, 1.0 * n}}}).ok());
    want[up_][t] = Bits(n++);
  };
  commit();
  const auto progress = [&](const ReplayProgress&) {
    commit();
    return true;
  };
  const uint32_t own = log->stats().segment;
  ASSERT_TRUE(head_->Replay(dir_.path(), 0, own, progress).ok());
  while (n < kNew) commit();
  EXPECT_EQ(Difference(Now(), want), "");
  // Half of the series' samples are asked for: runs are cut by range.
  auto querier = head_->NewQuerier({});
  const model::TimeRange half{kStart + 100 * 15'000 + 1, kStart + 400 * 15'000};
  SampleModel in_half = want;
  for (auto& [labels, samples] : in_half) {
    std::erase_if(samples, [&](const auto& s) { return !half.Contains(s.first); });
  }
  EXPECT_EQ(Difference(ReadAll(querier.get(), {}, half), in_half), "");
  head_->SetReplaying(false);
  // A flush takes what is late, too, and the querier of before goes on seeing it.
  ASSERT_TRUE(head_->CutForFlush().ok());
  auto cursor = head_->FlushCursor();
  size_t flushed = 0;
  while (*cursor->Next()) {
    for (const chunk::ChunkView& chunk : cursor->chunks()) flushed += static_cast<size_t>(chunk.num_samples);
  }
  for (const model::TimeRange range : head_->LateRanges()) {
    const auto late = head_->LateCursor(range);
    while (*late->Next()) {
      for (const chunk::ChunkView& chunk : late->chunks()) flushed += static_cast<size_t>(chunk.num_samples);
    }
  }
  EXPECT_EQ(flushed, 1000u + kNew);
  cursor.reset();
  head_->DropFlushed(kNever);
  EXPECT_EQ(head_->info().num_samples, 0u);
  EXPECT_EQ(Difference(ReadAll(querier.get()), want), "");
  querier.reset();
  head_.reset();  // Before its log.
}

}  // namespace
}  // namespace storage
