#include "storage/block/content_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <numeric>
#include <random>

#include "tests/testing/mixed_model.h"
#include "tests/testing/sample_model.h"
#include "tests/testing/temp_dir.h"

namespace storage {
namespace {

constexpr model::TimeMs kStart = 1'700'000'000'000;

size_t Sealed(chunk::sealed::Form form) {
  return static_cast<size_t>(SampleForm::kFirstSealed) + static_cast<size_t>(form);
}

class ContentReaderTest : public ::testing::Test {
 protected:
  void SetUp() override { store_ = *BlockStore::Open(temp_.path() + "/blocks", 8 << 20); }
  // A constant, a series of halves, and one with histograms beside floats.
  BlockMeta WriteSealed() {
    auto writer = *store_->NewBlock({.level = 1});
    chunk::SampleColumns columns;
    for (int i = 0; i < 1000; ++i) columns.times.push_back(kStart + i * 15'000);
    columns.values.assign(1000, 7);
    EXPECT_TRUE(writer->AddSamples(model::Labels{{"__name__", "a"}}, columns).ok());
    for (int i = 0; i < 1000; ++i) columns.values[i] = (i * 7919 % 1000) / 2.0;
    EXPECT_TRUE(writer->AddSamples(model::Labels{{"__name__", "b"}}, columns).ok());
    chunk::HistogramColumns histograms;
    testing_support::RandomHistogram random(7, false, false, false);
    for (int i = 0; i < 500; ++i) histograms.Add(kStart + 7 + i * 60'000, random.Next());
    const auto chunks = chunk::Encode(histograms);
    std::vector<chunk::ChunkView> views;
    for (const auto& chunk : chunks) views.push_back(chunk.view());
    EXPECT_TRUE(writer->AddMixed(model::Labels{{"__name__", "c"}}, columns, views).ok());
    return *writer->Publish();
  }

  testing_support::TempDir temp_;
  std::unique_ptr<BlockStore> store_;
};

TEST_F(ContentReaderTest, CountsSamplesOfEachFormAndSeries) {
  const BlockMeta meta = WriteSealed();
  const auto contents = *store_->NewContents(meta.ulid);
  uint64_t samples = 0, bytes = 0;
  for (const char* name : {"a", "b", "c"}) {
    ASSERT_TRUE(contents->Next());
    const SeriesContents& series = contents->series();
    EXPECT_EQ(series.labels.ToString(), fmt::format("{{__name__=\"{}\"}}", name));
    EXPECT_EQ(std::accumulate(series.by_form.begin(), series.by_form.end(), uint64_t{0}),
              series.samples);
    EXPECT_EQ(series.range.min, kStart);
    samples += series.samples;
    bytes += series.bytes;
    if (*name == 'a') {
      EXPECT_EQ(series.by_form[Sealed(chunk::sealed::Form::kConstant)], 1000u);
      EXPECT_EQ(series.range.max, kStart + 999 * 15'000);
      EXPECT_LT(series.bytes, 120u);
    } else if (*name == 'b') {
      EXPECT_EQ(series.by_form[Sealed(chunk::sealed::Form::kDecimal)], 1000u);
      EXPECT_GT(series.bytes, 200u);
    } else {
      EXPECT_EQ(series.by_form[static_cast<size_t>(SampleForm::kHistogramChunk)], 500u);
      EXPECT_EQ(series.samples, 1500u);
      EXPECT_EQ(series.range.max, kStart + 7 + 499 * 60'000);
    }
  }
  EXPECT_FALSE(contents->Next());
  EXPECT_EQ(contents->damaged(), 0u);
  EXPECT_EQ(samples, meta.num_samples);
  EXPECT_GT(bytes, 3000u);
  EXPECT_GT(contents->bytes_read(), 1000u);
}

TEST_F(ContentReaderTest, CountsChunksOfAFreshBlockLikeTheMeta) {
  std::mt19937 random(5);
  const auto model = testing_support::RandomModel(random, 60, kStart, 15'000, 300);
  auto writer = *store_->NewBlock({});
  for (const auto& [labels, samples] : model) {
    EXPECT_TRUE(writer->AddSeries(labels, testing_support::Chunks(samples).views()).ok());
  }
  const BlockMeta meta = *writer->Publish();
  const auto contents = *store_->NewContents(meta.ulid);
  uint64_t series = 0, chunks = 0, samples = 0, xors = 0;
  for (; contents->Next(); ++series) {
    chunks += contents->series().chunks;
    samples += contents->series().samples;
    xors += contents->series().by_form[static_cast<size_t>(SampleForm::kXorChunk)];
  }
  EXPECT_EQ(series, meta.num_series);
  EXPECT_EQ(chunks, meta.num_chunks);
  EXPECT_EQ(samples, meta.num_samples);
  EXPECT_EQ(xors, samples);
}

TEST_F(ContentReaderTest, AnotherOneGoesOnWhereItStopped) {
  const std::string ulid = WriteSealed().ulid;
  std::vector<uint64_t> at_once, in_steps;
  const auto whole = *store_->NewContents(ulid);
  while (whole->Next()) at_once.push_back(whole->series().samples);
  for (uint32_t position = 1;;) {
    const auto contents = *store_->NewContents(ulid);
    contents->SkipTo(position);
    if (!contents->Next()) break;
    EXPECT_GT(contents->position(), position);
    position = contents->position();
    in_steps.push_back(contents->series().samples);
    EXPECT_EQ(contents->damaged(), 0u);
  }
  EXPECT_EQ(in_steps, at_once);
  EXPECT_EQ(at_once.size(), 3u);
}

TEST_F(ContentReaderTest, GoesOnThoughTheBlockIsDroppedAndBehindDamage) {
  const BlockMeta meta = WriteSealed();
  {
    const auto contents = *store_->NewContents(meta.ulid);
    ASSERT_TRUE(contents->Next());
    ASSERT_TRUE(store_->Drop(meta.ulid).ok());
    int left = 0;
    while (contents->Next()) ++left;
    EXPECT_EQ(left, 2);
    EXPECT_EQ(contents->damaged(), 0u);
  }
  EXPECT_FALSE(store_->NewContents(meta.ulid).ok());

  // Bytes in the middle of each table, until rows are hit.
  const std::string ulid = WriteSealed().ulid;
  for (const auto& file : std::filesystem::directory_iterator(temp_.path() + "/blocks")) {
    if (file.path().extension() != ".sst" || file.file_size() < 2000) continue;
    std::fstream table(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    table.seekp(200);
    table << "damage";
  }
  const auto contents = *store_->NewContents(ulid);
  while (contents->Next()) {
  }
  EXPECT_GT(contents->damaged(), 0u);
}

}  // namespace
}  // namespace storage
