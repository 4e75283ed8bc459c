#include "storage/chunk/cut.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/chunk/xor_chunk.h"
#include "tests/testing/random_histogram.h"

namespace chunk {
namespace {

using ::testing::IsEmpty;

TEST(Cut, HoldsTheSamplesOfTheRangeAlone) {
  std::mt19937 random(3);
  XorEncoder encoder;
  model::TimeMs t = 1'700'000'000'000;
  while (encoder.Append({t, static_cast<double>(random() % 1000) / 7})) t += 1 + random() % 1'000'000;
  const ChunkView whole = encoder.view();
  for (int round = 0; round < 100; ++round) {
    model::TimeRange range{whole.range.min - 1000 + static_cast<int64_t>(random() % 60'000'000),
                           whole.range.min + static_cast<int64_t>(random() % 70'000'000)};
    std::vector<OwnedChunk> parts;
    ASSERT_TRUE(Cut(whole, range, &parts).ok());
    SampleColumns want, got;
    ASSERT_TRUE(Decode(whole, range, &want).ok());
    for (const OwnedChunk& part : parts) {
      ASSERT_GT(part.view().num_samples, 0);
      ASSERT_TRUE(range.Contains(part.view().range.min) && range.Contains(part.view().range.max));
      ASSERT_TRUE(Decode(part.view(), model::TimeRange(), &got).ok());
    }
    EXPECT_EQ(got.times, want.times);
    EXPECT_EQ(got.values, want.values);
  }
}

TEST(Cut, OfHistogramsAsWell) {
  testing_support::RandomHistogram source(5, false, false, true);
  HistogramColumns columns;
  for (int i = 0; i < 60; ++i) columns.Add(i * 1000, source.Next());
  for (const OwnedChunk& chunk : Encode(columns)) {
    const model::TimeRange range{20'500, 40'000};
    std::vector<OwnedChunk> parts;
    ASSERT_TRUE(Cut(chunk.view(), range, &parts).ok());
    MixedColumns want, got;
    ASSERT_TRUE(Decode(chunk.view(), range, &want).ok());
    for (const OwnedChunk& part : parts) {
      ASSERT_TRUE(Decode(part.view(), model::TimeRange(), &got).ok());
    }
    EXPECT_EQ(got.histograms.times, want.histograms.times);
    for (size_t i = 0; i < got.histograms.size(); ++i) {
      EXPECT_EQ(testing_support::Plain(got.histograms.values[i]),
                testing_support::Plain(want.histograms.values[i]));
    }
  }
}

TEST(Cut, DamagedBytesAreDataLoss) {
  XorEncoder encoder;
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(encoder.Append({i * 1000, i * 0.3}));
  ChunkView view = encoder.view();
  view.bytes = view.bytes.substr(0, view.bytes.size() / 2);
  std::vector<OwnedChunk> parts;
  EXPECT_EQ(Cut(view, model::TimeRange(), &parts).code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace chunk
