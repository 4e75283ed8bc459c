#include <filesystem>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/block/block_store.h"
#include "storage/merge.h"
#include "storage/model/time_windows.h"
#include "tests/testing/copy_dir.h"
#include "tests/testing/sample_model.h"
#include "tests/testing/temp_dir.h"

namespace storage {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing_support::AddTo;
using testing_support::Difference;
using testing_support::SampleModel;

constexpr model::TimeMs kStart = 1'700'000'000'000;
constexpr model::TimeRange kAll;

// Blocks that one writer makes.
class SeveralBlocksTest : public ::testing::Test {
 protected:
  static std::unique_ptr<BlockStore> Open(const std::string& dir) {
    auto store = BlockStore::Open(dir, 1 << 20);
    EXPECT_TRUE(store.ok()) << store.status();
    return std::move(*store);
  }
  static SampleModel Stored(BlockStore& store) {
    return testing_support::ReadAll(*MergeQueriers(*store.NewQueriers(kAll)), kAll);
  }
  std::string dir() const { return temp_.path() + "/blocks"; }
  SampleModel Data(int day) {
    return testing_support::RandomModel(random_, 20, kStart + day * model::kDayMs, 15'000, 200);
  }

  testing_support::TempDir temp_;
  std::mt19937 random_{7};
  std::unique_ptr<BlockStore> store_ = Open(dir());
};

TEST_F(SeveralBlocksTest, AppearInOneStepInPlaceOfTheirParents) {
  const SampleModel old = Data(0);
  const BlockMeta parent = testing_support::WriteBlock(*store_, old);
  BlockMeta like;
  like.level = 1;
  like.parents = {parent.ulid};
  auto writer = *store_->NewBlock(like);
  SampleModel fresh;
  for (int day = 1; day <= 3; ++day) {
    const SampleModel data = Data(day);
    ASSERT_TRUE(testing_support::AddAll(*writer, data).ok());
    AddTo(&fresh, data);
    ASSERT_TRUE(writer->Begin(kAll).ok());  // The last one stays empty, and so does the next.
  }
  ASSERT_TRUE(writer->Begin(kAll).ok());
  const uint64_t generation = store_->generation();
  EXPECT_EQ(Difference(Stored(*store_), old), "");
  testing_support::CopyDir(dir(), temp_.path() + "/before");
  const auto metas = writer->PublishAll(17);
  ASSERT_TRUE(metas.ok()) << metas.status();
  testing_support::CopyDir(dir(), temp_.path() + "/after");
  ASSERT_THAT(*metas, SizeIs(3));
  EXPECT_EQ(store_->generation(), generation + 1);
  for (const BlockMeta& meta : *metas) EXPECT_EQ(meta.parents, like.parents);
  EXPECT_EQ(Difference(Stored(*store_), fresh), "");
  EXPECT_EQ(store_->watermark(), 17u);
  EXPECT_FALSE(writer->PublishAll().ok());
  EXPECT_FALSE(writer->Begin(kAll).ok());

  EXPECT_EQ(Difference(Stored(*Open(temp_.path() + "/before")), old), "");
  const auto after = Open(temp_.path() + "/after");
  EXPECT_EQ(Difference(Stored(*after), fresh), "");
  EXPECT_THAT(after->Metas(), SizeIs(3));
}

TEST_F(SeveralBlocksTest, WhenOneCannotBePublishedNoneIs) {
  const SampleModel old = Data(0);
  const BlockMeta parent = testing_support::WriteBlock(*store_, old);
  BlockMeta like;
  like.parents = {parent.ulid};
  auto writer = *store_->NewBlock(like);
  ASSERT_TRUE(testing_support::AddAll(*writer, Data(1)).ok());
  ASSERT_TRUE(writer->Begin(kAll).ok());
  ASSERT_TRUE(testing_support::AddAll(*writer, Data(2)).ok());
  ASSERT_TRUE(writer->Begin(kAll).ok());
  for (const auto& file : std::filesystem::directory_iterator(dir() + "/unfinished")) {
    std::filesystem::remove(file.path());  // One of the first or the second.
    break;
  }
  EXPECT_FALSE(writer->PublishAll(17).ok());
  writer.reset();
  EXPECT_TRUE(std::filesystem::is_empty(dir() + "/unfinished"));
  EXPECT_EQ(Difference(Stored(*store_), old), "");
  EXPECT_EQ(store_->watermark(), 0u);
  store_ = nullptr;
  store_ = Open(dir());
  EXPECT_EQ(Difference(Stored(*store_), old), "");
  EXPECT_THAT(store_->Metas(), SizeIs(1));
}

TEST_F(SeveralBlocksTest, AWriterGivenUpLeavesNoFiles) {
  auto writer = *store_->NewBlock({});
  ASSERT_TRUE(testing_support::AddAll(*writer, Data(1)).ok());
  ASSERT_TRUE(writer->Begin(kAll).ok());
  ASSERT_TRUE(testing_support::AddAll(*writer, Data(2)).ok());
  writer.reset();
  EXPECT_TRUE(std::filesystem::is_empty(dir() + "/unfinished"));
  EXPECT_THAT(store_->Metas(), IsEmpty());
}

}  // namespace
}  // namespace storage
