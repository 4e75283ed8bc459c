#include "compaction/compactor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "storage/merge.h"
#include "storage/model/time_windows.h"
#include "tests/testing/sample_model.h"
#include "tests/testing/temp_dir.h"

namespace compaction {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using testing_support::Difference;
using testing_support::SampleModel;

constexpr model::TimeRange kAll;
const std::function<bool()> kGoOn = [] { return true; };

class CompactorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = storage::BlockStore::Open(dir(), 8 << 20);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = std::move(*store);
  }
  std::string dir() const { return temp_.path() + "/blocks"; }
  void Write(const SampleModel& data) {
    plan_.blocks.push_back(testing_support::WriteBlock(*store_, data, {}, 50).ulid);
    testing_support::AddTo(&want_, data);
  }
  SampleModel Stored() {
    const auto querier = storage::MergeQueriers(*store_->NewQueriers(kAll));
    return testing_support::ReadAll(*querier, kAll);
  }

  testing_support::TempDir temp_;
  std::unique_ptr<storage::BlockStore> store_;
  Plan plan_{{}, 1, ""};
  SampleModel want_;
};

TEST_F(CompactorTest, MergesBlocksOfAnyOverlapWithoutLosingASample) {
  for (uint32_t seed = 0; seed < 5; ++seed) {
    std::mt19937 random(seed);
    plan_.blocks.clear();
    want_.clear();
    for (const auto& meta : store_->Metas()) ASSERT_TRUE(store_->Drop(meta.ulid).ok());
    model::TimeMs start = 1'700'000'000'000;
    for (int block = 0; block < 5; ++block) {
      SampleModel data = testing_support::RandomModel(random, 40, start, 1000, 100);
      std::erase_if(data, [&](const auto&) { return random() % 4 == 0; });
      start += random() % 2 ? 100'000 : 60'000;
      if (!data.empty()) Write(data);
    }
    const auto merged = Merge(plan_, store_.get(), kGoOn);
    ASSERT_TRUE(merged.ok()) << merged.status();
    ASSERT_THAT(*merged, SizeIs(1));
    EXPECT_EQ(merged->front().level, 1);
    EXPECT_EQ(merged->front().parents, plan_.blocks);
    ASSERT_THAT(store_->Metas(), SizeIs(1));
    EXPECT_EQ(Difference(Stored(), want_), "") << "seed " << seed;
    uint64_t samples = 0;
    for (const auto& [labels, series] : want_) samples += series.size();
    EXPECT_EQ(merged->front().num_samples, samples);
  }
}

TEST_F(CompactorTest, StoppedHalfWayLeavesEverythingAsItWas) {
  std::mt19937 random(1);
  Write(testing_support::RandomModel(random, 20, 0, 1000, 100));
  Write(testing_support::RandomModel(random, 20, 200'000, 1000, 100));
  int left = 10;
  const auto merged = Merge(plan_, store_.get(), [&] { return left-- > 0; });
  EXPECT_EQ(merged.status().code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(store_->Metas(), SizeIs(2));
  EXPECT_TRUE(std::filesystem::is_empty(dir() + "/unfinished"));
  EXPECT_EQ(Difference(Stored(), want_), "");
}

TEST_F(CompactorTest, AnUnknownBlockIsNotFound) {
  plan_.blocks = {"01ARZ3NDEKTSV4RRFFQ69G5FAV"};
  EXPECT_EQ(Merge(plan_, store_.get(), kGoOn).status().code(), absl::StatusCode::kNotFound);
}

// Series that begin, pause and end anywhere in ten days, in blocks of any width.
TEST_F(CompactorTest, WhatSpansDaysBecomesABlockForEach) {
  using model::kDayMs, model::kHourMs;
  for (uint32_t seed = 0; seed < 4; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    plan_ = {{}, 2, ""};
    want_.clear();
    for (const auto& meta : store_->Metas()) ASSERT_TRUE(store_->Drop(meta.ulid).ok());
    for (int block = 0; block < 4; ++block) {
      const model::TimeMs start = 1'700'000'000'000 + static_cast<int64_t>(random() % 4) * kDayMs;
      SampleModel data = testing_support::RandomModel(random, 20, start, kHourMs / 3, 300);
      std::erase_if(data, [&](const auto&) { return random() % 4 == 0; });
      if (!data.empty()) Write(data);
    }
    const auto merged = Merge(plan_, store_.get(), kGoOn);
    ASSERT_TRUE(merged.ok()) << merged.status();
    EXPECT_GT(merged->size(), 3u);
    EXPECT_THAT(store_->Metas(), SizeIs(merged->size()));
    uint64_t samples = 0;
    for (const storage::BlockMeta& meta : *merged) {
      samples += meta.num_samples;
      EXPECT_EQ(meta.level, 1);
      EXPECT_EQ(meta.parents, plan_.blocks);
      EXPECT_THAT(model::CutByDay(meta.range), SizeIs(1));
    }
    uint64_t all = 0;
    for (const auto& [labels, series] : want_) all += series.size();
    EXPECT_EQ(samples, all);
    EXPECT_EQ(Difference(Stored(), want_), "");
    store_.reset();
    store_ = *storage::BlockStore::Open(dir(), 1 << 20);
    EXPECT_EQ(Difference(Stored(), want_), "");
    EXPECT_THAT(store_->Metas(), SizeIs(merged->size()));
    EXPECT_TRUE(std::filesystem::is_empty(dir() + "/unfinished"));
  }
}

TEST_F(CompactorTest, ReadersOfTheInputsGoOn) {
  std::mt19937 random(1);
  Write(testing_support::RandomModel(random, 20, 0, 1000, 100));
  const auto querier = storage::MergeQueriers(*store_->NewQueriers(kAll));
  ASSERT_TRUE(Merge(plan_, store_.get(), kGoOn).ok());
  EXPECT_EQ(Difference(testing_support::ReadAll(*querier, kAll), want_), "");
}

}  // namespace
}  // namespace compaction
