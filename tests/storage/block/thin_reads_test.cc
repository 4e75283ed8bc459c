// Reading what windows want, through blocks of every kind and merges of them, beside reading all.
#include <gtest/gtest.h>

#include <random>

#include "storage/block/block_store.h"
#include "storage/database.h"
#include "storage/merge.h"
#include "tests/testing/sample_model.h"
#include "tests/testing/seed.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/window_figures.h"

namespace storage {
namespace {

using testing_support::Figures;

constexpr int64_t kStepMs = 15'000;
constexpr int kSeries = 16;

class ThinReadsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SCOPED_TRACE(seed_);
    auto store = BlockStore::Open(temp_.path() + "/blocks", 8 << 20);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = std::move(*store);
  }

  // Samples of places [first, first + n) on the grid, of every series but some.
  void Write(int level, int first, int n) {
    BlockMeta like;
    like.level = level;
    auto writer = *store_->NewBlock(like);
    for (int s = 0; s < kSeries; ++s) {
      if (random_() % 8 == 0) continue;
      chunk::SampleColumns samples;
      testing_support::SeriesSamples by_time;
      int kind = s;
      double value = 1;
      for (int i = first; i < first + n; ++i) {
        if (random_() % 40 == 0) continue;
        if (random_() % 2000 == 0) ++kind;
        value = testing_support::NextValue(random_, kind, value);
        samples.times.push_back(i * kStepMs + s);
        samples.values.push_back(value);
        by_time[samples.times.back()] = testing_support::Bits(value);
      }
      if (level > 0) {
        ASSERT_TRUE(writer->AddSamples(LabelsOf(s), samples).ok());
      } else {
        ASSERT_TRUE(writer->AddSeries(LabelsOf(s), testing_support::Chunks(by_time).views()).ok());
      }
    }
    ASSERT_TRUE(writer->Publish().ok());
  }
  static model::Labels LabelsOf(int s) {
    return model::Labels{{"__name__", "m"}, {"s", fmt::format("{:02}", s)}};
  }

  void Compare(int places, int rounds) {
    chunk::SampleColumns thin, all;
    for (int round = 0; round < rounds; ++round) {
      const chunk::Windows windows =
          testing_support::RandomWindows(random_, 0, kStepMs, places);
      const model::TimeRange range = testing_support::RangeOf(windows);
      const auto querier = MergeQueriers(*store_->NewQueriers(range));
      const auto selection = *querier->Select({{}, range});
      for (int i = 0; i < selection->size(); ++i) {
        EXPECT_TRUE(selection->Read(i, range, &all).ok());
        EXPECT_TRUE(selection->ReadThin(i, range, windows, &thin).ok());
        const std::string want = Figures(all, windows), got = Figures(thin, windows);
        EXPECT_EQ(got, want) << "seed " << seed_ << " round " << round << " want "
                             << static_cast<int>(windows.want) << " series " << i;
        if (got != want) return;
        const model::TimeRange extent = selection->Extent(i);
        EXPECT_TRUE(all.times.empty() ||
                    (extent.Contains(all.times.front()) && extent.Contains(all.times.back())));
      }
      EXPECT_TRUE(querier->Warnings().empty());
    }
  }

  const uint32_t seed_ = testing_support::Seed();
  std::mt19937 random_{seed_};
  testing_support::TempDir temp_;
  std::unique_ptr<BlockStore> store_;
};

TEST_F(ThinReadsTest, BlocksOneAfterAnother) {
  for (int day = 0; day < 3; ++day) Write(2, day * 5760, 5760);
  Write(0, 3 * 5760, 500);
  Compare(3 * 5760 + 500, 60);
  // Of three days, by days, a count needs no more than the ends of each part.
  constexpr int64_t kDayMs = 86'400'000;
  const chunk::Windows windows{kDayMs, kDayMs, 3, kDayMs, chunk::Want::kCount};
  const model::TimeRange range = testing_support::RangeOf(windows);
  const auto querier = MergeQueriers(*store_->NewQueriers(range));
  const auto selection = *querier->Select({{}, range});
  chunk::SampleColumns thin;
  for (int i = 0; i < selection->size(); ++i) {
    ASSERT_TRUE(selection->ReadThin(i, range, windows, &thin).ok());
    EXPECT_LE(thin.size(), 3 * 2 * 23u);
  }
}

TEST_F(ThinReadsTest, BlocksThatOverlap) {
  Write(2, 0, 5000);
  Write(2, 4000, 4000);
  Write(1, 8000, 3000);
  Write(0, 9000, 1000);
  Write(1, 12'000, 2000);
  Compare(14'000, 60);
}

TEST_F(ThinReadsTest, BlocksOfWhichSomeIsDeleted) {
  for (int day = 0; day < 2; ++day) Write(2, day * 5760, 5760);
  for (int s = 0; s < kSeries; s += 2) {
    const std::vector<model::Matcher> set = {
        model::Matcher::Equal("s", fmt::format("{:02}", s))};
    const auto from = static_cast<int64_t>(random_() % 11'000);
    ASSERT_TRUE(store_->Delete({&set, 1}, {from * kStepMs, (from + 700) * kStepMs}).ok());
  }
  Compare(2 * 5760, 40);
}

// The head with what was flushed of it, late samples among them.
TEST_F(ThinReadsTest, BlocksAndTheHead) {
  DatabaseOptions options;
  options.dir = temp_.path() + "/database";
  options.out_of_order_window_ms = 3'600'000;
  const auto db = *Database::Open(options);
  constexpr int kPlaces = 2000;
  for (int i = 0; i < kPlaces; ++i) {
    const auto batch = db->NewAppender();
    for (int s = 0; s < 4; ++s) {
      const int place = random_() % 20 == 0 ? i - static_cast<int>(random_() % 100) : i;
      batch->Append(SeriesRef::kNone, LabelsOf(s), {place * kStepMs, place * 2.0 - place % 700});
    }
    ASSERT_TRUE(batch->Commit().ok());
    if (i % 600 == 599) {
      ASSERT_TRUE(db->FlushHead().ok());
    }
  }
  chunk::SampleColumns thin, all;
  for (int round = 0; round < 100; ++round) {
    const chunk::Windows windows = testing_support::RandomWindows(random_, 0, kStepMs, kPlaces);
    const model::TimeRange range = testing_support::RangeOf(windows);
    const auto querier = *db->NewQuerier(range);
    const auto selection = *querier->Select({{}, range});
    for (int i = 0; i < selection->size(); ++i) {
      ASSERT_TRUE(selection->Read(i, range, &all).ok());
      ASSERT_TRUE(selection->ReadThin(i, range, windows, &thin).ok());
      ASSERT_EQ(Figures(thin, windows), Figures(all, windows)) << "seed " << seed_;
    }
  }
  ASSERT_TRUE(db->Close().ok());
}

}  // namespace
}  // namespace storage
