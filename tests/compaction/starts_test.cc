// Start times of samples through the whole store: flushes and crashes at each of their steps, merges,
// late samples, deletes, restarts, snapshots, beside a map.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "compaction/compactor.h"
#include "storage/database.h"
#include "tests/testing/copy_dir.h"
#include "tests/testing/random_histogram.h"
#include "tests/testing/seed.h"
#include "tests/testing/temp_dir.h"

namespace compaction {
namespace {

constexpr model::TimeMs kBegin = 1'700'006'400'000;
constexpr int kSeries = 12;

class FixedClock : public base::Clock {
 public:
  int64_t NowMs() const override { return now_ms; }
  std::atomic<int64_t> now_ms{kBegin};
};

// Time -> start, 0 for none, of every sample of every series.
using Model = std::map<model::Labels, std::map<model::TimeMs, model::TimeMs>>;

std::string Difference(const Model& got, const Model& want) {
  for (const auto& [labels, samples] : want) {
    if (samples.empty()) continue;
    const auto it = got.find(labels);
    if (it == got.end()) return labels.ToString() + " is missing";
    for (const auto& [t, start] : samples) {
      const auto s = it->second.find(t);
      if (s == it->second.end()) return fmt::format("{} at {} is missing", labels.ToString(), t);
      if (s->second != start) {
        return fmt::format("{} at {} began {}, not {}", labels.ToString(), t, s->second, start);
      }
    }
    if (samples.size() != it->second.size()) return labels.ToString() + " has more samples";
  }
  return "";
}

class StartsTest : public ::testing::Test {
 protected:
  void SetUp() override { db_ = Open(dir()); }
  std::unique_ptr<storage::Database> Open(const std::string& dir) {
    storage::DatabaseOptions options;
    options.dir = dir;
    options.clock = &clock_;
    options.block_cache_bytes = 1 << 20;
    options.out_of_order_window_ms = 3'600'000;
    options.store_starts = store_;
    options.starts_as_zero = zero_;
    options.after_flush_step = [this](storage::FlushStep step) {
      if (after_step_) after_step_(step);
    };
    auto db = storage::Database::Open(options);
    EXPECT_TRUE(db.ok()) << db.status();
    return db.ok() ? *std::move(db) : nullptr;
  }
  std::string dir() const { return temp_.path() + "/data"; }
  static model::Labels LabelsOf(int i) {
    return model::Labels{{"__name__", "s"}, {"i", fmt::format("{:02}", i)}};
  }

  static Model Stored(storage::Database& db, model::TimeRange range = {}) {
    Model out;
    const auto querier = db.NewQuerier(range);
    EXPECT_TRUE(querier.ok()) << querier.status();
    const auto selection = (*querier)->Select({.range = range, .starts = true});
    EXPECT_TRUE(selection.ok()) << selection.status();
    chunk::MixedColumns samples;
    model::StartRuns runs;
    for (int i = 0; i < (*selection)->size(); ++i) {
      EXPECT_TRUE((*selection)->ReadMixed(i, range, &samples).ok());
      EXPECT_TRUE((*selection)->ReadStarts(i, range, &runs).ok());
      EXPECT_TRUE(model::Valid(runs));
      auto& series = out[model::Labels((*selection)->labels(i))];
      for (const auto* times : {&samples.floats.times, &samples.histograms.times}) {
        for (const model::TimeMs t : *times) series[t] = model::StartAt(runs, t);
      }
    }
    EXPECT_THAT((*querier)->Warnings(), ::testing::IsEmpty());
    return out;
  }
  void Expect(std::string_view when) { ASSERT_EQ(Difference(Stored(*db_), want_), "") << when; }

  // One batch. Series 0 to 2 never have a start; 3 and 4 are deltas; some of the others are
  // histograms, begin again now and then, or are silent about it for a while.
  void Scrape(std::mt19937_64& random) {
    const model::TimeMs now = clock_.now_ms += 1'000 + static_cast<int64_t>(random() % 15'000);
    auto appender = db_->NewAppender();
    for (int i = 0; i < kSeries; ++i) {
      model::TimeMs t = now;
      if (random() % 10 == 0) t -= 1 + static_cast<int64_t>(random() % 1'800'000);
      if (random() % 20 == 0 || starts_[i] == 0) starts_[i] = now - static_cast<int64_t>(random() % 5000);
      model::TimeMs start = i > 4 ? starts_[i] : i > 2 ? t - 1000 : 0;
      if (random() % 20 == 0) start = 0;
      if (want_[LabelsOf(i)].contains(t)) continue;
      appender->SetStart(start);
      const bool histogram = i >= 9 && (i > 10 || random() % 2);
      const auto appended =
          histogram
              ? appender->AppendHistogram({}, LabelsOf(i), t, sources_[static_cast<size_t>(i)].Next())
              : appender->Append({}, LabelsOf(i), {t, static_cast<double>(random() % 1000)});
      ASSERT_EQ(appended.outcome, storage::Outcome::kAccepted);
      want_[LabelsOf(i)][t] = start;
    }
    ASSERT_TRUE(appender->Commit().ok());
  }
  void MergeAll(int level) {
    Plan plan{{}, level, ""};
    for (const auto& meta : db_->blocks()->Metas()) plan.blocks.push_back(meta.ulid);
    std::sort(plan.blocks.begin(), plan.blocks.end());
    const auto merged = Merge(plan, db_->blocks(), [] { return true; });
    ASSERT_TRUE(merged.ok()) << merged.status();
  }
  void Verify() {
    for (const auto& meta : db_->blocks()->Metas()) {
      const auto verifier = db_->blocks()->NewVerifier(
          meta.ulid, [](const storage::Damage& damage) { ADD_FAILURE() << damage.what; });
      while ((*verifier)->Next(1 << 20)) {
      }
    }
  }
  // What kill -9 leaves now, opened beside.
  void ExpectAfterCrash(std::string_view when) {
    const auto quiet = std::exchange(after_step_, nullptr);
    const std::string copy = temp_.path() + "/copy";
    std::filesystem::remove_all(copy);
    testing_support::CopyDir(dir(), copy);
    auto db = Open(copy);
    EXPECT_EQ(Difference(Stored(*db), want_), "") << when;
    EXPECT_TRUE(db->FlushHead().ok());
    EXPECT_EQ(Difference(Stored(*db), want_), "") << when << ", flushed";
    db.reset();
    after_step_ = quiet;
  }

  testing_support::TempDir temp_;
  FixedClock clock_;
  bool store_ = true, zero_ = false;
  std::function<void(storage::FlushStep)> after_step_;
  std::map<int, model::TimeMs> starts_;
  std::vector<testing_support::RandomHistogram> sources_ = [] {
    std::vector<testing_support::RandomHistogram> all;
    for (uint32_t i = 0; i < kSeries; ++i) all.emplace_back(i, i % 2 == 1, false, false);
    return all;
  }();
  Model want_;
  std::unique_ptr<storage::Database> db_;
};

TEST_F(StartsTest, SurviveFlushesMergesDeletesAndRestarts) {
  const uint64_t seed = testing_support::Seed();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 160; ++round) {
    Scrape(random);
    if (round % 8 == 7) Expect("in the head");
    if (round % 20 == 19) {
      ASSERT_TRUE(db_->FlushHead().ok());
      Expect("after a flush");
    }
    if (round % 40 == 39) {
      const model::TimeMs now = clock_.now_ms;
      const model::TimeRange lost{now - 300'000, now - 200'000};
      const std::string victim = fmt::format("{:02}", random() % kSeries);
      const std::vector<std::vector<model::Matcher>> sets{{model::Matcher::Equal("i", victim)}};
      ASSERT_TRUE(db_->Delete(sets, lost).ok());
      std::erase_if(want_[LabelsOf(std::stoi(victim))],
                    [&](const auto& sample) { return lost.Contains(sample.first); });
      Expect("after a delete");
      Verify();
      MergeAll(round > 80 ? 2 : 1);
      Expect("after a merge");
      Verify();
      const model::TimeRange some{now - 250'000, now - 100'000};
      Model part = want_;
      for (auto& [labels, samples] : part) {
        std::erase_if(samples, [&](const auto& s) { return !some.Contains(s.first); });
      }
      ASSERT_EQ(Difference(Stored(*db_, some), part), "") << "in a range";
    }
    if (round % 50 == 49) {
      if (round % 100 == 99) {
        ASSERT_TRUE(db_->Close().ok());
      }
      db_.reset();
      db_ = Open(dir());
      Expect("after a restart");
    }
  }
}

TEST_F(StartsTest, ACrashAtAnyStepOfAFlushLosesAndDoublesNothing) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 12; ++i) Scrape(random);
    ExpectAfterCrash("before the flush");
    int steps = 0;
    after_step_ = [&](storage::FlushStep step) {
      ++steps;
      if (step != storage::FlushStep::kHeadDropped) Scrape(random);
      Expect("during the flush");
      ExpectAfterCrash(fmt::format("step {}", static_cast<int>(step)));
    };
    ASSERT_TRUE(db_->FlushHead().ok());
    after_step_ = nullptr;
    EXPECT_EQ(steps, 6);
    Expect("after the flush");
  }
}

TEST_F(StartsTest, AQuerierKeepsItsMomentThroughAFlush) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 10; ++i) Scrape(random);
  const Model before = want_;
  const auto querier = db_->NewQuerier({});
  for (int i = 0; i < 3; ++i) Scrape(random);
  ASSERT_TRUE(db_->FlushHead().ok());
  for (int i = 0; i < 3; ++i) Scrape(random);
  ASSERT_TRUE(db_->FlushHead().ok());
  const auto selection = (*querier)->Select({.starts = true});
  chunk::MixedColumns samples;
  model::StartRuns runs;
  Model got;
  for (int i = 0; i < (*selection)->size(); ++i) {
    ASSERT_TRUE((*selection)->ReadMixed(i, {}, &samples).ok());
    ASSERT_TRUE((*selection)->ReadStarts(i, {}, &runs).ok());
    auto& series = got[model::Labels((*selection)->labels(i))];
    for (const model::TimeMs t : samples.floats.times) series[t] = model::StartAt(runs, t);
    for (const model::TimeMs t : samples.histograms.times) series[t] = model::StartAt(runs, t);
  }
  EXPECT_EQ(Difference(got, before), "");
}

TEST_F(StartsTest, AreInSnapshots) {
  std::mt19937_64 random(6);
  for (int i = 0; i < 30; ++i) Scrape(random);
  const std::string snapshot = temp_.path() + "/snapshot";
  ASSERT_TRUE(db_->Snapshot(snapshot, false).ok());
  EXPECT_EQ(Difference(Stored(*Open(snapshot)), want_), "");
}

TEST_F(StartsTest, CostNothingWhereThereAreNone) {
  const auto append = [&](model::TimeMs start) {
    auto appender = db_->NewAppender();
    for (int i = 0; i < 1000; ++i) {
      appender->SetStart(start);
      appender->Append({}, LabelsOf(i), {clock_.now_ms, 1});
    }
    EXPECT_TRUE(appender->Commit().ok());
    clock_.now_ms += 15'000;
  };
  append(0);
  const uint64_t log = db_->stats().wal.bytes, head = db_->head_info().bytes;
  append(0);
  const uint64_t log_without = db_->stats().wal.bytes - log;
  const uint64_t head_without = db_->head_info().bytes - head;
  ASSERT_TRUE(db_->FlushHead().ok());
  EXPECT_EQ(db_->blocks()->Metas().front().num_started, 0u);
  append(kBegin);
  ASSERT_TRUE(db_->FlushHead().ok());
  const storage::BlockMeta with = db_->blocks()->Metas().back();
  EXPECT_EQ(with.num_started, 1000u);
  append(0);
  ASSERT_TRUE(db_->FlushHead().ok());
  const storage::BlockMeta without = db_->blocks()->Metas().back();
  EXPECT_LT(with.bytes, without.bytes + 3000);  // A thousand series that began together.
  EXPECT_LT(log_without, 3000u);
  EXPECT_LT(head_without, 100'000u);
}

TEST_F(StartsTest, WithoutTheOptionAreNotKept) {
  db_.reset();
  store_ = false;
  db_ = Open(dir());
  std::mt19937_64 random(8);
  for (int i = 0; i < 5; ++i) Scrape(random);
  for (auto& [labels, samples] : want_) {
    for (auto& [t, start] : samples) start = 0;
  }
  Expect("in the head");
  ASSERT_TRUE(db_->FlushHead().ok());
  Expect("in a block");
  EXPECT_EQ(db_->blocks()->Metas().front().num_started, 0u);
}

TEST_F(StartsTest, DamagedOnesCostThemselvesAndAreTold) {
  std::mt19937_64 random(9);
  for (int i = 0; i < 30; ++i) Scrape(random);
  ASSERT_TRUE(db_->FlushHead().ok());
  ASSERT_TRUE(db_->Close().ok());
  db_.reset();
  // The table of start times begins with a key 'b'; its data block comes first in the file.
  bool hit = false;
  for (const auto& entry : std::filesystem::directory_iterator(dir() + "/tidemark/blocks")) {
    if (entry.path().extension() != ".sst") continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(file)), {});
    if (bytes.find(std::string("b\0\0\0", 4)) != 3) continue;
    file.clear();
    file.seekp(30);
    file.put(static_cast<char>(bytes[30] ^ 0x55));
    hit = true;
  }
  ASSERT_TRUE(hit) << "the table looks other than it was";
  db_ = Open(dir());
  const auto querier = db_->NewQuerier({});
  const auto selection = (*querier)->Select({.starts = true});
  ASSERT_EQ((*selection)->size(), kSeries);
  model::StartRuns runs;
  chunk::MixedColumns samples;
  for (int i = 0; i < kSeries; ++i) {
    ASSERT_TRUE((*selection)->ReadMixed(i, {}, &samples).ok());
    EXPECT_GT(samples.size(), 0u);
    ASSERT_TRUE((*selection)->ReadStarts(i, {}, &runs).ok());
  }
  EXPECT_THAT((*querier)->Warnings(), ::testing::Contains(::testing::HasSubstr("start times")));
  uint64_t told = 0;
  for (const storage::BlockMeta& meta : db_->blocks()->Metas()) {
    const auto verifier =
        db_->blocks()->NewVerifier(meta.ulid, [&](const storage::Damage&) { ++told; });
    while ((*verifier)->Next(1 << 20)) {
    }
  }
  EXPECT_GT(told, 0u);
}

TEST_F(StartsTest, AZeroIsPutAtTheStartAsPrometheusDoes) {
  db_.reset();
  store_ = false;
  zero_ = true;
  db_ = Open(dir());
  const auto append = [&](model::TimeMs start, std::vector<model::Sample> samples) {
    auto appender = db_->NewAppender();
    appender->SetStart(start);
    for (const model::Sample& s : samples) appender->Append({}, LabelsOf(0), s);
    EXPECT_TRUE(appender->Commit().ok());
  };
  const auto stored = [&] {
    std::vector<std::pair<model::TimeMs, double>> out;
    const auto querier = db_->NewQuerier({});
    const auto selection = (*querier)->Select({});
    chunk::SampleColumns columns;
    EXPECT_TRUE((*selection)->Read(0, {}, &columns).ok());
    for (size_t i = 0; i < columns.size(); ++i) {
      out.emplace_back(columns.times[i] - kBegin, columns.values[i]);
    }
    return out;
  };
  using Pair = std::pair<model::TimeMs, double>;
  append(kBegin + 10, {{kBegin + 100, 5}, {kBegin + 200, 6}});
  EXPECT_THAT(stored(), ::testing::ElementsAre(Pair{10, 0}, Pair{100, 5}, Pair{200, 6}));
  append(kBegin + 10, {{kBegin + 300, 7}});   // Known by then.
  append(kBegin + 400, {{kBegin + 400, 1}});  // Not before its sample.
  append(kBegin + 450, {{kBegin + 500, 2}});  // It began again.
  append(kBegin + 470, {{kBegin + 300, 7}});  // A repeat, and older.
  append(0, {{kBegin + 600, 3}});
  const auto want = ::testing::ElementsAre(Pair{10, 0}, Pair{100, 5}, Pair{200, 6}, Pair{300, 7},
                                           Pair{400, 1}, Pair{450, 0}, Pair{500, 2}, Pair{600, 3});
  EXPECT_THAT(stored(), want);
  append(kBegin - 4'000'000, {{kBegin + 700, 4}});  // Out of bounds: over an hour ago.
  EXPECT_EQ(stored().size(), 9u);
  db_.reset();
  db_ = Open(dir());
  EXPECT_EQ(stored().size(), 9u);
  ASSERT_TRUE(db_->FlushHead().ok());
  EXPECT_EQ(stored().size(), 9u);
}

TEST_F(StartsTest, AnEmptyHistogramIsPutAtTheStart) {
  db_.reset();
  store_ = zero_ = true;
  db_ = Open(dir());
  for (int kind = 0; kind < 2; ++kind) {
    testing_support::RandomHistogram source(3, kind == 1, false, false);
    auto appender = db_->NewAppender();
    appender->SetStart(kBegin + 10);
    const model::AnyHistogram h = source.Next();
    appender->AppendHistogram({}, LabelsOf(kind), kBegin + 100, h);
    appender->AppendHistogram({}, LabelsOf(kind), kBegin + 200, source.Next());
    ASSERT_TRUE(appender->Commit().ok());
    const auto querier = db_->NewQuerier({});
    const auto selection = (*querier)->Select({.starts = true});
    chunk::MixedColumns samples;
    ASSERT_TRUE((*selection)->ReadMixed(kind, {}, &samples).ok());
    ASSERT_EQ(samples.histograms.times,
              (std::vector<model::TimeMs>{kBegin + 10, kBegin + 100, kBegin + 200}));
    std::visit(
        [&](const auto& zero) {
          EXPECT_EQ(zero.count, 0);
          EXPECT_EQ(zero.sum, 0);
          EXPECT_EQ(zero.schema, std::visit([](const auto& v) { return v.schema; }, h));
        },
        samples.histograms.values[0]);
    model::StartRuns runs;
    ASSERT_TRUE((*selection)->ReadStarts(kind, {}, &runs).ok());
    EXPECT_EQ(runs, (model::StartRuns{{kBegin + 100, kBegin + 10}}));  // The zero itself has none.
  }
}

}  // namespace
}  // namespace compaction
