// Histograms through the whole store: flushes, merges, deletes, restarts, beside a map.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "compaction/compactor.h"
#include "storage/database.h"
#include "tests/testing/copy_dir.h"
#include "tests/testing/mixed_model.h"
#include "tests/testing/seed.h"
#include "tests/testing/temp_dir.h"

namespace compaction {
namespace {

using testing_support::MixedModel;
using testing_support::Plain;
using testing_support::RandomHistogram;

constexpr model::TimeMs kStart = 1'700'006'400'000;

class FixedClock : public base::Clock {
 public:
  int64_t NowMs() const override { return now_ms; }
  std::atomic<int64_t> now_ms{kStart};
};

class HistogramsTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }
  storage::DatabaseOptions Options(const std::string& name) {
    storage::DatabaseOptions options;
    options.dir = temp_.path() + "/" + name;
    options.clock = &clock_;
    options.out_of_order_window_ms = 3'600'000;
    return options;
  }
  void Open() {
    db_.reset();
    storage::DatabaseOptions options = Options("data");
    options.after_flush_step = [this](storage::FlushStep) {
      if (after_step_) after_step_();
    };
    auto db = storage::Database::Open(options);
    ASSERT_TRUE(db.ok()) << db.status();
    db_ = *std::move(db);
  }
  MixedModel Stored(model::TimeRange range = {}) {
    return testing_support::ReadAllMixed(**db_->NewQuerier(range), range);
  }
  // All blocks become one.
  void MergeAll(int level) {
    Plan plan{{}, level, ""};
    for (const auto& meta : db_->blocks()->Metas()) plan.blocks.push_back(meta.ulid);
    std::sort(plan.blocks.begin(), plan.blocks.end());  // Younger ones win.
    const auto merged = Merge(plan, db_->blocks(), [] { return true; });
    ASSERT_TRUE(merged.ok()) << merged.status();
  }
  static model::Labels LabelsOf(int i) {
    return model::Labels{{"__name__", "h"}, {"i", std::to_string(i)}};
  }

  testing_support::TempDir temp_;
  FixedClock clock_;
  std::function<void()> after_step_;
  std::unique_ptr<storage::Database> db_;
};

TEST_F(HistogramsTest, SurviveFlushMergeDeleteAndRestart) {
  const uint32_t seed = testing_support::Seed();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  constexpr int kSeries = 14;
  std::vector<RandomHistogram> sources;
  for (uint32_t i = 0; i < kSeries; ++i) {
    sources.emplace_back(seed + i, i % 2 == 1, i % 5 == 0, i % 3 == 0);
  }
  MixedModel want;
  model::TimeMs t = kStart;
  for (int round = 0; round < 120; ++round) {
    t += 5'000 + random() % 20'000;
    clock_.now_ms = t;
    auto appender = db_->NewAppender();
    for (int i = 0; i < kSeries; ++i) {
      // The last ones change between kinds; some samples come late.
      model::TimeMs at = t;
      if (random() % 8 == 0) at -= 1 + random() % 4'000;
      if (i == 0 || (i > 10 && random() % 3 == 0)) {
        const double v = static_cast<double>(random() % 1000);
        ASSERT_EQ(appender->Append(storage::SeriesRef::kNone, LabelsOf(i), {at, v}).outcome,
                  storage::Outcome::kAccepted);
        want[LabelsOf(i)][at] = testing_support::Bits(v);
        continue;
      }
      const auto source = static_cast<size_t>(i > 10 ? random() % kSeries : i);
      const model::AnyHistogram h = sources[source].Next();
      ASSERT_EQ(
          appender->AppendHistogram(storage::SeriesRef::kNone, LabelsOf(i), at, h).outcome,
          storage::Outcome::kAccepted);
      want[LabelsOf(i)][at] = Plain(h);
    }
    ASSERT_TRUE(appender->Commit().ok());
    appender.reset();
    if (round % 15 == 14) {
      ASSERT_TRUE(db_->FlushHead().ok());
      ASSERT_EQ(Difference(Stored(), want), "") << "after a flush";
    }
    if (round % 40 == 39) {
      const model::TimeRange lost{t - 400'000, t - 300'000};
      const auto victim = model::Matcher::Equal("i", std::to_string(random() % kSeries));
      const std::vector<std::vector<model::Matcher>> sets{{victim}};
      ASSERT_TRUE(db_->Delete(sets, lost).ok());
      std::erase_if(want[LabelsOf(std::stoi(victim.value()))],
                    [&](const auto& sample) { return lost.Contains(sample.first); });
      ASSERT_EQ(Difference(Stored(), want), "") << "after a delete";
      MergeAll(round > 40 ? 2 : 1);
      ASSERT_EQ(Difference(Stored(), want), "") << "after a merge";
      const model::TimeRange some{t - 350'000, t - 100'000};
      MixedModel part = want;
      for (auto& [labels, samples] : part) {
        std::erase_if(samples, [&](const auto& s) { return !some.Contains(s.first); });
      }
      std::erase_if(part, [](const auto& series) { return series.second.empty(); });
      ASSERT_EQ(Difference(Stored(some), part), "");
    }
    if (round % 30 == 29) {
      ASSERT_TRUE(db_->Close().ok());
      Open();
      ASSERT_EQ(Difference(Stored(), want), "") << "after a restart";
    }
  }
}

TEST_F(HistogramsTest, ACrashAtAnyStepOfAFlushLosesNothing) {
  RandomHistogram ints(1, false, false, false), floats(2, true, true, false);
  MixedModel want;
  const auto append = [&](model::TimeMs t) {
    auto appender = db_->NewAppender();
    for (int i = 0; i < 3; ++i) {
      const model::AnyHistogram h = (i == 0 || (i == 2 && t % 2 == 0) ? ints : floats).Next();
      ASSERT_EQ(appender->AppendHistogram(storage::SeriesRef::kNone, LabelsOf(i), t, h).outcome,
                storage::Outcome::kAccepted);
      want[LabelsOf(i)][t] = Plain(h);
    }
    ASSERT_TRUE(appender->Commit().ok());
  };
  model::TimeMs t = kStart;
  for (int k = 0; k < 40; ++k) append(t += 1001);
  append(kStart + 500);  // Late.
  int crashes = 0;
  after_step_ = [&] {
    append(t += 1001);  // Goes on meanwhile.
    testing_support::CopyDir(temp_.path() + "/data", temp_.path() + "/crashed");
    auto crashed = storage::Database::Open(Options("crashed"));
    ASSERT_TRUE(crashed.ok()) << crashed.status();
    EXPECT_EQ(Difference(testing_support::ReadAllMixed(**(*crashed)->NewQuerier({})), want), "")
        << "crash " << crashes;
    ++crashes;
  };
  for (int flush = 0; flush < 3; ++flush) ASSERT_TRUE(db_->FlushHead().ok());
  after_step_ = nullptr;
  EXPECT_EQ(crashes, 18);
  EXPECT_EQ(Difference(Stored(), want), "");
}

TEST_F(HistogramsTest, WhatComesWhileTheOldLogIsReadIsKeptBesideIt) {
  RandomHistogram source(3, false, false, false);
  MixedModel want;
  const auto append = [&](model::TimeMs t) {
    auto appender = db_->NewAppender();
    const model::AnyHistogram h = source.Next();
    ASSERT_EQ(appender->AppendHistogram(storage::SeriesRef::kNone, LabelsOf(1), t, h).outcome,
              storage::Outcome::kAccepted);
    ASSERT_TRUE(appender->Commit().ok());
    want[LabelsOf(1)][t] = Plain(h);
  };
  for (int k = 0; k < 20; ++k) append(kStart + k * 1000);
  testing_support::CopyDir(temp_.path() + "/data", temp_.path() + "/crashed");
  storage::DatabaseOptions options = Options("crashed");
  options.replay_on_open = false;
  options.out_of_order_window_ms = 0;
  db_ = *storage::Database::Open(options);
  for (int k = 20; k < 25; ++k) append(kStart + k * 1000);
  ASSERT_TRUE(db_->Replay(nullptr).ok());
  EXPECT_EQ(Difference(Stored(), want), "");
  ASSERT_TRUE(db_->FlushHead().ok());
  EXPECT_EQ(Difference(Stored(), want), "");
}

TEST_F(HistogramsTest, OfOneTimeTheYoungerBlockWinsWhateverTheKind) {
  const model::Labels labels = LabelsOf(1);
  RandomHistogram source(1, false, false, false);
  const model::AnyHistogram first = source.Next(), second = source.Next();
  const auto write = [&](const chunk::MixedColumns& columns) {
    auto writer = *db_->blocks()->NewBlock({});
    std::vector<chunk::ChunkView> views;
    const auto chunks = chunk::Encode(columns.histograms);
    for (const auto& chunk : chunks) views.push_back(chunk.view());
    ASSERT_TRUE(writer->AddMixed(labels, columns.floats, views).ok());
    ASSERT_TRUE(writer->Publish().ok());
  };
  chunk::MixedColumns older, younger;
  older.floats.times = {10, 30}, older.floats.values = {1, 3};
  older.histograms.Add(20, first);
  older.histograms.Add(40, first);
  younger.floats.times = {20}, younger.floats.values = {2};
  younger.histograms.Add(30, second);
  younger.histograms.Add(40, second);
  write(older);
  write(younger);
  MixedModel want;
  want[labels] = {{10, testing_support::Bits(1)}, {20, testing_support::Bits(2)},
                  {30, Plain(second)}, {40, Plain(second)}};
  MergeAll(1);
  EXPECT_EQ(Difference(Stored(), want), "");
}

TEST_F(HistogramsTest, ADirectoryOfFormatOneIsReadAndBecomesTwo) {
  ASSERT_TRUE(db_->Close().ok());
  db_.reset();
  const std::string path = temp_.path() + "/data/tidemark/FORMAT";
  std::ofstream(path) << "tidemark data format 1\n";
  Open();
  std::string line;
  std::ifstream file(path);
  std::getline(file, line);
  EXPECT_EQ(line, "tidemark data format 5");
}

}  // namespace
}  // namespace compaction
