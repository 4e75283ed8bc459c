#include "compaction/series_merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/testing/sample_model.h"

namespace compaction {
namespace {

using testing_support::Bits;
using testing_support::Chunks;
using testing_support::SeriesSamples;

SeriesSamples Ramp(model::TimeMs from, int samples, double offset = 0) {
  SeriesSamples out;
  for (int i = 0; i < samples; ++i) out[from + i * 10] = Bits(offset + i);
  return out;
}

// One series of one block, some of it in chunks and the rest sealed.
class Source final : public storage::BlockCursor {
 public:
  Source(const SeriesSamples& in_chunks, const SeriesSamples& sealed, size_t per_chunk)
      : chunks_(in_chunks, per_chunk), views_(chunks_.views()) {
    for (const auto& [t, bits] : sealed) {
      sealed_.times.push_back(t);
      sealed_.values.push_back(std::bit_cast<double>(bits));
    }
  }
  absl::StatusOr<bool> Next() override { return false; }
  model::LabelsView labels() const override { return {}; }
  std::span<const chunk::ChunkView> chunks() const override { return views_; }
  const chunk::SampleColumns& sealed() const override { return sealed_; }
  std::span<const model::TimeRange> deleted() const override { return deleted_; }
  uint64_t damaged_chunks() const override { return 0; }
  void Delete(model::TimeRange span) { deleted_.push_back(span); }
  std::vector<chunk::ChunkView>& views() { return views_; }

 private:
  const Chunks chunks_;
  std::vector<chunk::ChunkView> views_;
  chunk::SampleColumns sealed_;
  std::vector<model::TimeRange> deleted_;
};

class SeriesMergeTest : public ::testing::Test {
 protected:
  void Add(const SeriesSamples& in_chunks, const SeriesSamples& sealed = {},
           size_t per_chunk = 120) {
    owned_.push_back(std::make_unique<Source>(in_chunks, sealed, per_chunk));
    sources_.push_back(owned_.back().get());
  }
  SeriesSamples Merge() {
    EXPECT_TRUE(merger_.Merge(sources_, &merged_).ok());
    SeriesSamples all;
    const chunk::SampleColumns& merged = merged_.floats;
    for (size_t k = 0; k < merged.size(); ++k) {
      if (k > 0) {
        EXPECT_LT(merged.times[k - 1], merged.times[k]);
      }
      all[merged.times[k]] = Bits(merged.values[k]);
    }
    EXPECT_EQ(merged_.histograms.size(), 0u);
    return all;
  }

  std::vector<std::unique_ptr<Source>> owned_;
  std::vector<storage::BlockCursor*> sources_;
  chunk::MixedColumns merged_;
  SeriesMerger merger_;
};

TEST_F(SeriesMergeTest, WhatOverlapsIsMergedAndTheLaterSourceWins) {
  Add(Ramp(0, 100));
  Add({}, Ramp(505, 100, 1000));
  Add(Ramp(500, 10, 2000));
  const SeriesSamples merged = Merge();
  EXPECT_EQ(merged.size(), 200u);
  EXPECT_EQ(merged.at(490), Bits(49));
  EXPECT_EQ(merged.at(500), Bits(2000));
  EXPECT_EQ(merged.at(590), Bits(2009));
  EXPECT_EQ(merged.at(505), Bits(1000));
}

TEST_F(SeriesMergeTest, WhatIsDeletedOfOneSourceIsNotTakenFromIt) {
  Add(Ramp(0, 100));
  owned_[0]->Delete({0, 95});
  owned_[0]->Delete({500, 505});
  Add(Ramp(500, 1, 7000));
  const SeriesSamples merged = Merge();
  EXPECT_EQ(merged.size(), 90u);
  EXPECT_EQ(merged.begin()->first, 100);
  EXPECT_EQ(merged.at(500), Bits(7000));
}

TEST_F(SeriesMergeTest, AgreesWithMaps) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    owned_.clear();
    sources_.clear();
    SeriesSamples want;
    model::TimeMs t = 0;
    for (int source = 1 + static_cast<int>(random() % 6); source > 0; --source) {
      SeriesSamples samples;
      if (random() % 3 == 0) t -= static_cast<int64_t>(random() % 500);
      for (int i = 1 + static_cast<int>(random() % 300); i > 0; --i) {
        t += 1 + static_cast<int64_t>(random() % 20);
        samples[t] = Bits(static_cast<double>(random() % 100));
      }
      for (const auto& [time, bits] : samples) want[time] = bits;
      if (random() % 2) {
        Add(samples, {}, 1 + random() % 120);
      } else {
        Add({}, samples);
      }
    }
    EXPECT_EQ(Merge(), want) << "seed " << seed;
  }
}

TEST_F(SeriesMergeTest, AChunkThatEndsEarlyIsAnError) {
  Add(Ramp(0, 50));
  owned_[0]->views()[0].bytes.remove_suffix(10);
  EXPECT_EQ(merger_.Merge(sources_, &merged_).code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace compaction
