#include "storage/chunk/xor_chunk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "storage/chunk/bit_stream.h"
#include "tests/testing/plain_xor.h"
#include "tests/testing/seed.h"

namespace chunk {
namespace {

using ::testing::ElementsAre;

std::vector<model::Sample> DecodeAll(const ChunkView& view, model::TimeRange range = {}) {
  SampleColumns columns;
  EXPECT_TRUE(Decode(view, range, &columns).ok());
  std::vector<model::Sample> samples;
  for (size_t i = 0; i < columns.size(); ++i) samples.push_back({columns.times[i], columns.values[i]});
  return samples;
}

void ExpectSameBits(const std::vector<model::Sample>& a, const std::vector<model::Sample>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].t, b[i].t) << i;
    EXPECT_EQ(std::bit_cast<uint64_t>(a[i].v), std::bit_cast<uint64_t>(b[i].v)) << i;
  }
}

TEST(BitStream, NumbersOfEveryWidthComeBack) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 200; ++round) {
    std::string bytes;
    uint8_t free_bits = 0;
    std::vector<std::pair<uint64_t, int>> written;
    BitWriter writer(&bytes, &free_bits);
    for (int i = 0; i < 100; ++i) {
      const int n = 1 + static_cast<int>(random() % 64);
      const uint64_t v = random();
      writer.Bits(v, n);
      written.emplace_back(n == 64 ? v : v & ((uint64_t{1} << n) - 1), n);
    }
    BitReader reader(bytes);
    for (const auto& [v, n] : written) {
      if (n <= BitReader::kAhead) {
        reader.Fill();
        ASSERT_EQ(reader.Peek(n), v);
      }
      ASSERT_EQ(reader.Bits(n), v) << n;
    }
    EXPECT_FALSE(reader.failed());
  }
}

TEST(BitStream, StagedBitsAreThoseOfAWriter) {
  std::mt19937_64 random(12);
  for (int round = 0; round < 2000; ++round) {
    std::string written, staged;
    uint8_t written_free = 0, staged_free = 0;
    for (int run = 0; run < 5; ++run) {
      BitWriter writer(&written, &written_free);
      BitStage stage(staged.empty() ? 0 : static_cast<unsigned char>(staged.back()), staged_free);
      for (int left = BitStage::kMaxBits - 8; left > 64;) {
        const int n = 1 + static_cast<int>(random() % 64);
        const uint64_t v = random();
        writer.Bits(v, n);
        stage.Bits(v, n);
        left -= n;
      }
      if (staged_free > 0) staged.pop_back();
      staged.append(stage.Finish());
      staged_free = static_cast<uint8_t>(stage.free_bits());
      ASSERT_EQ(staged, written) << round;
      ASSERT_EQ(staged_free, written_free) << round;
    }
  }
}

TEST(BitStream, ReadingPastTheEndFailsAndGivesZeros) {
  BitReader reader("\xff");
  EXPECT_EQ(reader.Bits(8), 0xffu);
  EXPECT_FALSE(reader.failed());
  EXPECT_EQ(reader.Bits(3), 0u);
  EXPECT_TRUE(reader.failed());
}

TEST(XorChunk, HasPrometheusLayout) {
  // The bytes follow from tsdb/docs/format/chunks.md by hand: count 3; t0 = 1000 as zigzag varint
  // (2000 = d0 0f); 1.0 raw; delta 15000 (98 75) with the value repeated (bit 0); delta-of-delta 0
  // (bit 0), XOR of 1.0 and 2.0 = 7ff0 0000 ..: 11, leading 1 in 5 bits, 11 significant in 6, bits.
  XorEncoder encoder;
  ASSERT_TRUE(encoder.Append({1000, 1.0}));
  ASSERT_TRUE(encoder.Append({16000, 1.0}));
  ASSERT_TRUE(encoder.Append({31000, 2.0}));
  const std::string expected(
      "\x00\x03\xd0\x0f\x3f\xf0\x00\x00\x00\x00\x00\x00\x98\x75"
      // 0 | 0 | 11 00001 001011 11111111111 -> 00110000 10010111 11111111 11......
      "\x30\x97\xff\xc0",
      18);
  EXPECT_EQ(encoder.view().bytes, expected);
}

TEST(XorChunk, SealsBeforeAGapOfSevenWeeks) {
  constexpr int64_t kWidest = XorAppender::kMaxGapMs;
  constexpr model::TimeMs kLeast = std::numeric_limits<int64_t>::min() + 1;
  XorEncoder encoder;
  ASSERT_TRUE(encoder.Append({kLeast, 1}));
  EXPECT_FALSE(encoder.Append({std::numeric_limits<int64_t>::max(), 2}));
  EXPECT_FALSE(encoder.Append({kLeast + kWidest + 1, 2}));
  ASSERT_TRUE(encoder.Append({kLeast + kWidest, 2}));
  ASSERT_TRUE(encoder.Append({kLeast + kWidest + 1, 3}));  // Differences of differences may be as wide.
  ASSERT_TRUE(encoder.Append({kLeast + 2 * kWidest + 1, 4}));
  std::vector<std::pair<model::TimeMs, double>> read;
  for (const model::Sample& sample : DecodeAll(encoder.view())) read.emplace_back(sample.t, sample.v);
  EXPECT_THAT(read, ::testing::ElementsAre(std::pair(kLeast, 1), std::pair(kLeast + kWidest, 2),
                                           std::pair(kLeast + kWidest + 1, 3),
                                           std::pair(kLeast + 2 * kWidest + 1, 4)));
}

TEST(XorChunk, SealsAfterOneHundredTwentySamples) {
  XorEncoder encoder;
  for (int i = 0; i < 120; ++i) ASSERT_TRUE(encoder.Append({i * 15'000, 1.0 * i}));
  EXPECT_FALSE(encoder.Append({121 * 15'000, 0}));
  EXPECT_EQ(encoder.view().num_samples, 120);
  EXPECT_EQ(encoder.view().range.max, 119 * 15'000);
  std::string bytes = std::move(encoder).Seal();
  EXPECT_TRUE(encoder.empty());
  EXPECT_EQ(DecodeAll({Encoding::kXor, {0, 119 * 15'000}, 120, bytes}).size(), 120u);
}

TEST(XorChunk, SealsAtOneKibibyteOfNoise) {
  std::mt19937_64 random(3);
  XorEncoder encoder;
  int n = 0;
  while (encoder.Append({n * 1000 + static_cast<int64_t>(random() % 900), std::bit_cast<double>(random())})) ++n;
  EXPECT_LT(n, 120);
  EXPECT_LT(encoder.view().bytes.size(), 1024u + 30);
}

TEST(XorChunk, KeepsEveryKindOfValueAndTime) {
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<model::Sample> samples = {
      {-5'000'000'000'000, 0.0}, {-5, -0.0},        {0, model::StaleNan()},
      {1, model::NormalNan()},   {8192, inf},       {16384, -inf},
      {16385, 5e-324},           {90'000, 1e308},   {1'000'000, 0.1},
      {2'000'000'000'000, 0.2},  {std::numeric_limits<int64_t>::max(), 3}};
  XorEncoder encoder;
  std::vector<model::Sample> read;
  const auto seal = [&] {
    for (const model::Sample& s : DecodeAll(encoder.view())) read.push_back(s);
    encoder = XorEncoder();
  };
  for (const auto& s : samples) {
    if (encoder.Append(s)) continue;
    seal();
    ASSERT_TRUE(encoder.Append(s));
  }
  seal();
  ExpectSameBits(read, samples);
}

TEST(XorChunk, DeltaOfDeltaBucketEdgesComeBack) {
  for (const int bits : {14, 17, 20}) {
    for (const int64_t dod : {(int64_t{1} << (bits - 1)) - 1, int64_t{1} << (bits - 1),
                              (int64_t{1} << (bits - 1)) + 1, -(int64_t{1} << (bits - 1)),
                              -(int64_t{1} << (bits - 1)) + 1, -(int64_t{1} << (bits - 1)) - 1}) {
      XorEncoder encoder;
      const std::vector<model::Sample> samples = {
          {0, 1}, {2'000'000, 2}, {4'000'000 + dod, 3}, {6'000'000 + 2 * dod, 3}};
      for (const auto& s : samples) ASSERT_TRUE(encoder.Append(s));
      ExpectSameBits(DecodeAll(encoder.view()), samples);
    }
  }
}

TEST(XorChunk, RandomSeriesComeBack) {
  const uint64_t seed = testing_support::Seed();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    XorEncoder encoder;
    std::vector<model::Sample> samples;
    model::Sample s{static_cast<int64_t>(random() % 2'000'000'000'000), 0};
    while (true) {
      s.t += 1 + static_cast<int64_t>(random() % (uint64_t{1} << (random() % 30)));
      switch (random() % 4) {
        case 0: break;
        case 1: s.v += 1; break;
        case 2: s.v = static_cast<double>(random() % 1000) / 10; break;
        case 3: s.v = std::bit_cast<double>(random()); break;
      }
      if (!encoder.Append(s)) break;
      samples.push_back(s);
    }
    ExpectSameBits(DecodeAll(encoder.view()), samples);
  }
}

// Chunks as they are, cut, and with bits turned.
TEST(XorChunk, IsReadAsBitByBitWhateverItHolds) {
  std::mt19937_64 random(testing_support::Seed());
  for (int round = 0; round < 3000; ++round) {
    XorEncoder encoder;
    model::Sample s{static_cast<int64_t>(random() % 2'000'000'000'000), 0};
    const int kind = static_cast<int>(random() % 4);
    do {
      s.t += random() % 3 == 0 ? 1 + static_cast<int64_t>(random() % (uint64_t{1} << (random() % 30)))
                               : 15'000;
      s.v = kind == 0   ? s.v + static_cast<double>(random() % 100)
            : kind == 1 ? std::bit_cast<double>(random())
            : kind == 2 ? static_cast<double>(random() % 1000) / 10
                        : s.v;
    } while (encoder.Append(s));
    ChunkView view = encoder.view();
    std::string bytes(view.bytes);
    for (uint64_t flips = round % 3 == 0 ? 0 : random() % 4; flips > 0; --flips) {
      bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
    }
    if (round % 5 == 0) bytes.resize(2 + random() % (bytes.size() - 1));
    view.bytes = bytes;
    SampleColumns plain, columns;
    const bool whole = testing_support::PlainXor(bytes).Decode(view.num_samples, &plain);
    ASSERT_EQ(Decode(view, {}, &columns).ok(), whole) << round;
    ASSERT_EQ(columns.times, plain.times) << round;
    for (size_t i = 0; i < plain.size(); ++i) {
      ASSERT_EQ(std::bit_cast<uint64_t>(columns.values[i]),
                std::bit_cast<uint64_t>(plain.values[i]))
          << round << " sample " << i;
    }
  }
}

TEST(XorChunk, RangeAndCountLimitWhatIsDecoded) {
  XorEncoder encoder;
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(encoder.Append({i * 10, 1.0 * i}));
  EXPECT_EQ(DecodeAll(encoder.view(), {15, 40}).size(), 3u);
  EXPECT_EQ(DecodeAll(encoder.view(), {90, 1000}).size(), 1u);
  EXPECT_EQ(DecodeAll(encoder.view(), {91, 1000}).size(), 0u);
  ChunkView view = encoder.view();
  view.num_samples = 4;
  EXPECT_EQ(DecodeAll(view).size(), 4u);
}

TEST(XorChunk, AnEmptyEncoderHoldsNothing) {
  EXPECT_TRUE(DecodeAll(XorEncoder().view()).empty());
}

TEST(XorChunk, BytesThatEndEarlyAreDataLossWithTheGoodPart) {
  XorEncoder encoder;
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(encoder.Append({i * 10, std::sqrt(i)}));
  const std::string whole(encoder.view().bytes);
  for (size_t cut = 0; cut < whole.size() - 1; ++cut) {
    ChunkView view = encoder.view();
    view.bytes = std::string_view(whole).substr(0, cut);
    SampleColumns columns;
    EXPECT_EQ(Decode(view, {}, &columns).code(), absl::StatusCode::kDataLoss) << cut;
    EXPECT_LT(columns.size(), 50u);
    EXPECT_EQ(columns.times.size(), columns.values.size());
  }
}

}  // namespace
}  // namespace chunk
