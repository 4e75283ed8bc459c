#include "compaction/series_merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/testing/sample_model.h"

namespace compaction {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using testing_support::Bits;
using testing_support::Chunks;
using testing_support::SeriesSamples;

SeriesSamples Ramp(model::TimeMs from, int samples, double offset = 0) {
  SeriesSamples out;
  for (int i = 0; i < samples; ++i) out[from + i * 10] = Bits(offset + i);
  return out;
}

class SeriesMergeTest : public ::testing::Test {
 protected:
  void Add(const SeriesSamples& samples, uint32_t source, size_t per_chunk = 120) {
    owned_.push_back(std::make_unique<Chunks>(samples, per_chunk));
    for (const chunk::ChunkView& view : owned_.back()->views()) sources_.push_back({view, source});
  }
  // Merges, checks the promises, and gives the samples back.
  SeriesSamples Merge() {
    EXPECT_TRUE(merger_.Merge(&sources_, &merged_).ok());
    SeriesSamples all;
    chunk::SampleColumns columns;
    for (size_t i = 0; i < merged_.size(); ++i) {
      if (i > 0) {
        EXPECT_LT(merged_[i - 1].range.max, merged_[i].range.min);
      }
      columns.clear();
      EXPECT_TRUE(chunk::Decode(merged_[i], {}, &columns).ok());
      EXPECT_EQ(columns.size(), static_cast<size_t>(merged_[i].num_samples));
      EXPECT_EQ(merged_[i].range.min, columns.times.front());
      EXPECT_EQ(merged_[i].range.max, columns.times.back());
      for (size_t k = 0; k < columns.size(); ++k) all[columns.times[k]] = Bits(columns.values[k]);
    }
    return all;
  }
  std::vector<int> Sizes() const {
    std::vector<int> sizes;
    for (const chunk::ChunkView& chunk : merged_) sizes.push_back(chunk.num_samples);
    return sizes;
  }

  std::vector<std::unique_ptr<Chunks>> owned_;
  std::vector<SourceChunk> sources_;
  std::vector<chunk::ChunkView> merged_;
  SeriesMerger merger_;
};

TEST_F(SeriesMergeTest, LongChunksAreCopiedAsTheyAre) {
  Add(Ramp(0, 240), 0);
  Add(Ramp(10'000, 100), 1);
  Merge();
  ASSERT_THAT(Sizes(), ElementsAre(120, 120, 100));
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(merged_[i].bytes.data(), sources_[i].chunk.bytes.data());
}

TEST_F(SeriesMergeTest, ShortNeighboursBecomeFullChunks) {
  for (int i = 0; i < 10; ++i) Add(Ramp(i * 1000, 48), static_cast<uint32_t>(i));
  EXPECT_EQ(Merge().size(), 480u);
  EXPECT_THAT(Sizes(), ElementsAre(120, 120, 120, 120));
}

TEST_F(SeriesMergeTest, AShortChunkSharesWithALongOne) {
  for (int i = 0; i < 4; ++i) Add(Ramp(i * 2000, 144), static_cast<uint32_t>(i));  // 120 and 24.
  EXPECT_EQ(Merge().size(), 4 * 144u);
  EXPECT_THAT(Sizes(), ElementsAre(120, 72, 72, 72, 72, 72, 72, 24));
}

TEST_F(SeriesMergeTest, WhatOverlapsIsMergedAndTheLaterSourceWins) {
  Add(Ramp(0, 100), 0);
  Add(Ramp(505, 100, 1000), 1);
  Add(Ramp(500, 10, 2000), 2);
  const SeriesSamples merged = Merge();
  EXPECT_EQ(merged.size(), 200u);
  EXPECT_EQ(merged.at(490), Bits(49));
  EXPECT_EQ(merged.at(500), Bits(2000));
  EXPECT_EQ(merged.at(590), Bits(2009));
  EXPECT_EQ(merged.at(505), Bits(1000));
}

TEST_F(SeriesMergeTest, AgreesWithMapsAndLeavesNoShortChunkBetweenOthers) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    owned_.clear();
    sources_.clear();
    SeriesSamples want;
    const int num_sources = 1 + static_cast<int>(random() % 6);
    model::TimeMs t = 0;
    for (int source = 0; source < num_sources; ++source) {
      SeriesSamples samples;
      if (random() % 3 == 0) t -= static_cast<int64_t>(random() % 500);
      for (int i = 1 + static_cast<int>(random() % 300); i > 0; --i) {
        t += 1 + static_cast<int64_t>(random() % 20);
        samples[t] = Bits(static_cast<double>(random() % 100));
      }
      for (const auto& [time, bits] : samples) want[time] = bits;
      Add(samples, static_cast<uint32_t>(source), 1 + random() % 120);
    }
    std::shuffle(sources_.begin(), sources_.end(), random);
    EXPECT_EQ(Merge(), want) << "seed " << seed;
    std::vector<int> sizes = Sizes();
    if (sizes.size() > 1) {
      sizes.pop_back();
      EXPECT_THAT(sizes, Each(Ge(SeriesMerger::kShort))) << "seed " << seed;
    }
  }
}

TEST_F(SeriesMergeTest, ADamagedChunkThatMustBeOpenedIsAnError) {
  Add(Ramp(0, 50), 0);
  sources_[0].chunk.bytes.remove_suffix(10);
  EXPECT_EQ(merger_.Merge(&sources_, &merged_).code(), absl::StatusCode::kDataLoss);
}

TEST_F(SeriesMergeTest, OverlappingHistogramsAreRefusedOthersCopied) {
  Add(Ramp(0, 30), 0);
  sources_[0].chunk.encoding = chunk::Encoding::kHistogram;
  EXPECT_TRUE(merger_.Merge(&sources_, &merged_).ok());
  EXPECT_EQ(merged_[0].bytes.data(), sources_[0].chunk.bytes.data());
  Add(Ramp(5, 30), 1);
  EXPECT_EQ(merger_.Merge(&sources_, &merged_).code(), absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace compaction
