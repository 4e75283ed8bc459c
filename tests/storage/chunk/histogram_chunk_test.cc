#include "storage/chunk/histogram_chunk.h"

#include <fstream>
#include <random>
#include <sstream>

#include <absl/strings/escaping.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/chunk/histogram_columns.h"
#include "tests/testing/random_histogram.h"
#include "tests/testing/seed.h"

namespace chunk {
namespace {

using model::AnyHistogram;
using model::FloatHistogram;
using model::Histogram;
using model::ResetHint;
using testing_support::Plain;
using testing_support::RandomHistogram;

// One line of the golden file: see there.
class GoldenLine {
 public:
  explicit GoldenLine(const std::string& line) : in_(line) {}
  int64_t Number() {
    int64_t n = 0;
    in_ >> std::dec >> n;
    return n;
  }
  uint64_t Hex() {
    uint64_t n = 0;
    in_ >> std::hex >> n;
    return n;
  }
  double Double() { return std::bit_cast<double>(Hex()); }
  std::vector<model::Span> Spans() {
    std::vector<model::Span> spans(static_cast<size_t>(Number()));
    for (model::Span& span : spans) {
      span.offset = static_cast<int32_t>(Number());
      span.length = static_cast<uint32_t>(Number());
    }
    return spans;
  }
  void Read(uint64_t* v) { *v = Hex(); }
  void Read(double* v) { *v = Double(); }
  void Read(std::vector<int64_t>* v) {
    v->resize(static_cast<size_t>(Number()));
    for (int64_t& n : *v) n = Number();
  }
  void Read(std::vector<double>* v) {
    v->resize(static_cast<size_t>(Number()));
    for (double& n : *v) n = Double();
  }
  template <class H>
  H Get() {
    H h;
    h.hint = static_cast<ResetHint>(Number());
    h.schema = static_cast<int32_t>(Number());
    h.zero_threshold = Double();
    Read(&h.zero_count);
    Read(&h.count);
    h.sum = Double();
    h.positive_spans = Spans();
    h.negative_spans = Spans();
    Read(&h.positive_buckets);
    Read(&h.negative_buckets);
    Read(&h.custom_values);
    return h;
  }

 private:
  std::istringstream in_;
};

// Lines: "case int|float"; "h <time> <histogram>" appends; "cut" seals, and the next begins a chunk;
// "new" says that the histogram before had to begin one; "c <bytes>" is the chunk ended there.
TEST(HistogramChunk, BytesAreThoseOfPrometheus) {
  std::ifstream file(TEST_DIR "/storage/chunk/golden/histograms.txt");
  ASSERT_TRUE(file.good());
  std::string line;
  HistogramEncoder encoder;
  bool floats = false, pending = false;
  int64_t t = 0, cases = 0, chunks = 0;
  AnyHistogram h;
  std::string sealed;
  for (int number = 1; std::getline(file, line); ++number) {
    SCOPED_TRACE(fmt::format("line {}", number));
    if (line.starts_with("case")) {
      floats = line == "case float";
      encoder = HistogramEncoder();
      ++cases;
    } else if (line.starts_with("h ")) {
      GoldenLine in(line.substr(2));
      t = in.Number();
      if (floats) {
        h = in.Get<FloatHistogram>();
      } else {
        h = in.Get<Histogram>();
      }
      pending = !encoder.Append(t, h);
    } else if (line.starts_with("c ")) {
      sealed = encoder.Seal();
      ASSERT_EQ(absl::BytesToHexString(sealed), line.substr(2));
      ++chunks;
    } else if (line == "new") {
      ASSERT_TRUE(pending);
      ASSERT_TRUE(encoder.Append(t, h));
      pending = false;
    } else {
      ASSERT_EQ(line, "cut");
    }
    if (!line.starts_with("h ") && !line.starts_with("c ")) {
      ASSERT_FALSE(pending);
    }
  }
  EXPECT_EQ(cases, 48);
  EXPECT_GT(chunks, 90);
}

struct Written {
  HistogramColumns samples;
  std::vector<OwnedChunk> chunks;
};

Written WriteRandom(uint32_t seed, bool floats, bool custom, bool gauge, int count) {
  RandomHistogram source(seed, floats, custom, gauge);
  std::mt19937 random(seed);
  Written w;
  model::TimeMs t = static_cast<model::TimeMs>(random()) - 1'000'000'000;
  for (int i = 0; i < count; ++i) {
    t += 1 + random() % (random() % 10 == 0 ? 1'000'000'000 : 20'000);
    w.samples.Add(t, source.Next());
  }
  w.chunks = Encode(w.samples);
  return w;
}

TEST(HistogramChunk, WhatGoesInComesOut) {
  const uint32_t first = testing_support::Seed();
  for (uint32_t seed = first; seed < first + 48; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const bool gauge = seed % 3 == 0, custom = seed % 4 == 0;
    const Written w = WriteRandom(seed, seed % 2 == 0, custom, gauge, 300);
    MixedColumns read;
    for (const OwnedChunk& chunk : w.chunks) {
      const size_t before = read.size();
      ASSERT_TRUE(Decode(chunk.view(), {}, &read).ok());
      ASSERT_EQ(read.size() - before, static_cast<size_t>(chunk.view().num_samples));
      EXPECT_EQ(read.histograms.times[before], chunk.view().range.min);
      EXPECT_EQ(read.histograms.times.back(), chunk.view().range.max);
    }
    ASSERT_EQ(read.histograms.times, w.samples.times);
    EXPECT_EQ(read.floats.size(), 0u);
    for (size_t i = 0; i < read.size(); ++i) {
      ASSERT_EQ(Plain(read.histograms.values[i]), Plain(w.samples.values[i])) << i;
      EXPECT_TRUE(model::Validate(read.histograms.values[i]).ok());
      if (gauge && !model::IsStale(read.histograms.values[i])) {
        EXPECT_EQ(model::HintOf(read.histograms.values[i]), ResetHint::kGauge);
      }
    }
  }
}

TEST(HistogramChunk, AChunkNeverHoldsAReset) {
  const uint32_t first = testing_support::Seed();
  for (uint32_t seed = first; seed < first + 20; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const Written w = WriteRandom(seed, seed % 2 == 0, seed % 3 == 0, false, 200);
    for (const OwnedChunk& chunk : w.chunks) {
      MixedColumns read;
      ASSERT_TRUE(Decode(chunk.view(), {}, &read).ok());
      for (size_t i = 1; i < read.size(); ++i) {
        const auto a = Plain(read.histograms.values[i - 1]), b = Plain(read.histograms.values[i]);
        if (a.stale || b.stale) continue;
        EXPECT_LE(a.count, b.count);
        for (const auto& [index, count] : a.positive) {
          const auto it = b.positive.find(index);
          ASSERT_TRUE(it != b.positive.end());
          EXPECT_LE(count, it->second);
        }
        EXPECT_EQ(model::HintOf(read.histograms.values[i]), ResetHint::kNotReset);
      }
    }
  }
}

TEST(HistogramChunk, ReadsARangeAndTheFirstSamplesOnly) {
  const Written w = WriteRandom(7, false, false, false, 40);
  ChunkView view = w.chunks.front().view();
  ASSERT_GE(view.num_samples, 4);
  MixedColumns read;
  ASSERT_TRUE(Decode(view, {w.samples.times[1], w.samples.times[2]}, &read).ok());
  EXPECT_THAT(read.histograms.times,
              testing::ElementsAre(w.samples.times[1], w.samples.times[2]));
  view.num_samples = 2;
  read.clear();
  ASSERT_TRUE(Decode(view, {}, &read).ok());
  EXPECT_EQ(read.size(), 2u);
}

TEST(HistogramChunk, FloatReadersPassOverIt) {
  const Written w = WriteRandom(8, false, false, false, 5);
  SampleColumns floats;
  ASSERT_TRUE(Decode(w.chunks.front().view(), {}, &floats).ok());
  EXPECT_EQ(floats.size(), 0u);
  EXPECT_TRUE(floats.histograms);
}

TEST(HistogramChunk, AToldResetIsToldAgain) {
  RandomHistogram source(3, false, false, false);
  Histogram h = std::get<Histogram>(source.Next());
  h.hint = ResetHint::kReset;
  const HistogramColumns columns{{10}, {h}};
  const std::vector<OwnedChunk> chunks = Encode(columns);
  MixedColumns read;
  ASSERT_TRUE(Decode(chunks[0].view(), {}, &read).ok());
  EXPECT_EQ(model::HintOf(read.histograms.values[0]), ResetHint::kUnknown);
  read.clear();
  ASSERT_TRUE(Decode(chunks[0].view(), {}, &read, FirstHint::kAsWritten).ok());
  EXPECT_EQ(Encode(read.histograms)[0].bytes, chunks[0].bytes);
}

TEST(HistogramChunk, EveryShorteningIsDataLossAndNothingElse) {
  for (const bool floats : {false, true}) {
    const Written w = WriteRandom(9, floats, false, false, 9);
    ChunkView view = w.chunks.front().view();
    const std::string_view whole = view.bytes;
    for (size_t n = 0; n < whole.size(); ++n) {
      view.bytes = whole.substr(0, n);
      MixedColumns read;
      const absl::Status status = Decode(view, {}, &read);
      EXPECT_TRUE(absl::IsDataLoss(status)) << n << " " << status;
      EXPECT_LT(read.size(), static_cast<size_t>(view.num_samples));
    }
  }
}

}  // namespace
}  // namespace chunk
