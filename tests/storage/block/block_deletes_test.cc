// Deleting from blocks: what readers see, what a crash leaves, and who is still listed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <set>

#include "storage/block/block_store.h"
#include "storage/merge.h"
#include "tests/testing/copy_dir.h"
#include "tests/testing/sample_model.h"
#include "tests/testing/seed.h"
#include "tests/testing/temp_dir.h"

namespace storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing_support::Difference;
using testing_support::ReadAll;
using testing_support::SampleModel;
using testing_support::WriteBlock;
using Set = std::vector<model::Matcher>;

constexpr model::TimeMs kStart = 1'700'000'000'000;
constexpr model::TimeRange kAll;

class BlockDeletesTest : public ::testing::Test {
 protected:
  void SetUp() override { Reopen(); }
  void Reopen() {
    store_.reset();
    auto store = BlockStore::Open(dir(), 8 << 20);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = std::move(*store);
  }
  // As after kill -9 at this moment.
  void Crash() {
    const std::string copy = temp_.path() + "/copy";
    testing_support::CopyDir(dir(), copy);
    store_.reset();
    std::filesystem::remove_all(dir());
    std::filesystem::rename(copy, dir());
    Reopen();
  }
  std::string dir() const { return temp_.path() + "/blocks"; }
  SampleModel Stored(model::TimeRange range = kAll) {
    const auto querier = MergeQueriers(*store_->NewQueriers(range));
    return ReadAll(*querier, range);
  }
  void Delete(const Set& set, model::TimeRange range, SampleModel* want) {
    const std::vector<Set> sets = {set};
    ASSERT_TRUE(store_->Delete(sets, range).ok());
    testing_support::DeleteFrom(want, set, range);
  }
  std::vector<std::string> Values(std::string_view name, const Set& set = {}) {
    const auto querier = MergeQueriers(*store_->NewQueriers(kAll));
    return *querier->LabelValues(name, set, 0);
  }

  testing_support::TempDir temp_;
  std::unique_ptr<BlockStore> store_;
};

TEST_F(BlockDeletesTest, SamplesAreGoneAtOnceAndAfterReopening) {
  std::mt19937 random(1);
  SampleModel want = testing_support::RandomModel(random, 50, kStart, 1000, 400);
  WriteBlock(*store_, want);
  Delete({model::Matcher::Equal("job", "odd")}, {kStart + 100'000, kStart + 200'000}, &want);
  EXPECT_EQ(Difference(Stored(), want), "");
  Delete({*model::Matcher::Create(model::MatchType::kRegex, "__name__", "metric_[12]")},
         {kStart + 150'000, kStart + 900'000}, &want);
  EXPECT_EQ(Difference(Stored(), want), "");
  EXPECT_GT(store_->Metas()[0].deleted_series, 0u);
  Reopen();
  EXPECT_EQ(Difference(Stored(), want), "");
  Crash();
  EXPECT_EQ(Difference(Stored(), want), "");
}

TEST_F(BlockDeletesTest, WhatIsWrittenLaterIntoTheRangeIsNewData) {
  std::mt19937 random(2);
  SampleModel want = testing_support::RandomModel(random, 20, kStart, 1000, 100);
  WriteBlock(*store_, want);
  Delete({}, kAll, &want);
  EXPECT_THAT(Stored(), IsEmpty());
  const SampleModel again = testing_support::RandomModel(random, 20, kStart, 1000, 100);
  WriteBlock(*store_, again);
  EXPECT_EQ(Difference(Stored(), again), "");
  Reopen();
  EXPECT_EQ(Difference(Stored(), again), "");
}

TEST_F(BlockDeletesTest, AQuerierFromBeforeSeesWhatItSaw) {
  std::mt19937 random(3);
  const SampleModel before = testing_support::RandomModel(random, 20, kStart, 1000, 100);
  SampleModel want = before;
  WriteBlock(*store_, want);
  const auto querier = MergeQueriers(*store_->NewQueriers(kAll));
  Delete({}, {kStart, kStart + 50'000}, &want);
  EXPECT_EQ(Difference(ReadAll(*querier, kAll), before), "");
  EXPECT_EQ(Difference(Stored(), want), "");
}

TEST_F(BlockDeletesTest, ASeriesOfWhichNothingIsLeftIsNotListed) {
  std::mt19937 random(4);
  SampleModel want = testing_support::RandomModel(random, 70, kStart, 1000, 100);
  WriteBlock(*store_, want);
  const Set metric = {model::Matcher::Equal("__name__", "metric_3")};
  Delete(metric, {kStart, kStart + 50'000}, &want);
  EXPECT_EQ(Values("__name__").size(), 7u);  // Half of it is there still.
  Delete(metric, {kStart + 40'000, kStart + 1'000'000}, &want);
  EXPECT_EQ(Values("__name__").size(), 6u);
  EXPECT_THAT(Values("job", metric), IsEmpty());
  const auto querier = MergeQueriers(*store_->NewQueriers(kAll));
  EXPECT_THAT(*querier->LabelNames(metric, 0), IsEmpty());
  EXPECT_THAT(*querier->LabelNames({}, 0), ElementsAre("__name__", "instance", "job"));
  EXPECT_EQ(Difference(Stored(), want), "");

  Delete({*model::Matcher::Create(model::MatchType::kNotEqual, "instance", "host-003")}, kAll,
         &want);
  EXPECT_THAT(Values("instance"), ElementsAre("host-003"));
  Delete({}, kAll, &want);
  EXPECT_THAT(Values("instance"), IsEmpty());
  const auto empty = MergeQueriers(*store_->NewQueriers(kAll));
  EXPECT_THAT(*empty->LabelNames({}, 0), IsEmpty());
}

TEST_F(BlockDeletesTest, ASelectOfADeletedSpanDoesNotNameTheSeries) {
  std::mt19937 random(5);
  SampleModel want = testing_support::RandomModel(random, 10, kStart, 1000, 5000);
  WriteBlock(*store_, want);
  Delete({}, {kStart + 1'000'000, kStart + 2'000'000}, &want);
  const model::TimeRange inside{kStart + 1'200'000, kStart + 1'300'000};
  const auto querier = MergeQueriers(*store_->NewQueriers(inside));
  EXPECT_EQ((*querier->Select({{}, inside}))->size(), 0);
}

TEST_F(BlockDeletesTest, AWriterAtWorkDoesNotBringDeletedSamplesBack) {
  for (const bool crash : {false, true}) {
    std::mt19937 random(6);
    for (const BlockMeta& meta : store_->Metas()) ASSERT_TRUE(store_->Drop(meta.ulid).ok());
    SampleModel want = testing_support::RandomModel(random, 40, kStart, 1000, 300);
    const BlockMeta first = WriteBlock(*store_, want);
    BlockMeta like;
    like.level = 1;
    like.parents = {first.ulid};
    auto writer = store_->NewBlock(like);
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(testing_support::AddAll(**writer, want).ok());  // All of it is read by now.
    Delete({model::Matcher::Equal("job", "odd")}, {kStart + 50'000, kStart + 150'000}, &want);
    Delete({model::Matcher::Equal("__name__", "metric_1")}, kAll, &want);
    ASSERT_TRUE((*writer)->Publish().ok());
    if (crash) Crash();
    ASSERT_THAT(store_->Metas(), SizeIs(1));
    EXPECT_EQ(Difference(Stored(), want), "");
    EXPECT_EQ(Values("__name__").size(), 6u);
  }
}

// Found by tests/torture: the parents' tombstones went with the publish, they themselves later.
TEST_F(BlockDeletesTest, AMergeThatLeavesNothingLeavesItsParentsDeleted) {
  std::mt19937 random(8);
  SampleModel want = testing_support::RandomModel(random, 20, kStart, 1000, 100);
  BlockMeta like;
  like.level = 1;
  like.parents = {WriteBlock(*store_, want).ulid};
  Delete({}, kAll, &want);
  const auto writer = *store_->NewBlock(like);
  ASSERT_TRUE(writer->Publish().ok());
  Crash();
  EXPECT_EQ(Difference(Stored(), want), "");
}

TEST_F(BlockDeletesTest, AFreshBlockIsNotTouchedByADeleteFromBefore) {
  std::mt19937 random(7);
  SampleModel want = testing_support::RandomModel(random, 20, kStart, 1000, 100);
  WriteBlock(*store_, want);
  const SampleModel later = testing_support::RandomModel(random, 20, kStart, 1000, 50);
  auto writer = store_->NewBlock({});
  ASSERT_TRUE(testing_support::AddAll(**writer, later).ok());
  Delete({}, kAll, &want);
  ASSERT_TRUE((*writer)->Publish().ok());
  EXPECT_EQ(Difference(Stored(), later), "");
}

// Deletes, blocks, drops and restarts in any order beside a map.
TEST_F(BlockDeletesTest, AnyOrderOfDeletesIsWhatAMapSays) {
  const auto seed = testing_support::Seed();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  std::map<std::string, SampleModel> blocks;
  model::TimeMs start = kStart;
  const auto all = [&] {
    SampleModel sum;
    for (const BlockMeta& meta : store_->Metas()) testing_support::AddTo(&sum, blocks[meta.ulid]);
    return sum;
  };
  for (int step = 0; step < 60; ++step) {
    switch (random() % 6) {
      case 0: {
        const SampleModel data = testing_support::RandomModel(random, 30, start, 1000, 200);
        blocks[WriteBlock(*store_, data).ulid] = data;
        start += 200'000;
        break;
      }
      case 1:
        if (random() % 3 == 0) Crash();
        break;
      case 2:
        if (store_->Metas().size() > 4) {
          ASSERT_TRUE(store_->Drop(store_->Metas()[0].ulid).ok());
        }
        break;
      default: {
        const model::TimeMs from = kStart + static_cast<int64_t>(random() % 2'000'000);
        const model::TimeRange range{from, from + static_cast<int64_t>(random() % 300'000)};
        const std::vector<Set> sets = {
            {model::Matcher::Equal("__name__", fmt::format("metric_{}", random() % 7))},
            {model::Matcher::Equal("instance", fmt::format("host-00{}", random() % 5)),
             model::Matcher::Equal("job", random() % 2 == 0 ? "odd" : "even")}};
        ASSERT_TRUE(store_->Delete(sets, range).ok());
        for (auto& [ulid, model] : blocks) {
          for (const Set& set : sets) testing_support::DeleteFrom(&model, set, range);
        }
      }
    }
    ASSERT_EQ(Difference(Stored(), all()), "") << "step " << step;
    const model::TimeMs from = kStart + static_cast<int64_t>(random() % 2'000'000);
    const model::TimeRange range{from, from + static_cast<int64_t>(random() % 100'000)};
    SampleModel part = testing_support::Within(all(), range);
    ASSERT_EQ(Difference(Stored(range), part), "") << "step " << step;
  }
}

}  // namespace
}  // namespace storage
