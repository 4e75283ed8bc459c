#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "storage/chunk/sealed/int_codec.h"
#include "storage/chunk/sealed/time_column.h"
#include "storage/chunk/sealed/value_codec.h"
#include "storage/model/sample.h"
#include "tests/testing/seed.h"

namespace chunk::sealed {
namespace {

std::string Pack(const std::vector<double>& values) {
  std::string bytes;
  AppendValues(values, &bytes);
  return bytes;
}

void ExpectBack(const std::vector<double>& values, const std::string& bytes) {
  std::vector<double> back(values.size());
  ASSERT_TRUE(ReadValues(bytes, values.size(), back.data()));
  for (size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(std::bit_cast<uint64_t>(back[i]), std::bit_cast<uint64_t>(values[i]))
        << i << " of " << values.size() << ": " << values[i];
  }
}

std::string Hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

using Generator = std::function<double(std::mt19937_64&, size_t)>;
struct Class {
  const char* name;
  double max_bytes;  // A value, at 256 at a time.
  Generator next;
};

std::vector<Class> Classes() {
  return {
      {"constant", 0.02, [](auto&, size_t) { return 4096.5; }},
      {"counter of whole numbers", 1.3,
       [sum = 1e9](auto& r, size_t) mutable { return sum += static_cast<double>(r() % 256); }},
      {"steady counter", 0.05, [sum = 0.](auto&, size_t) mutable { return sum += 15; }},
      {"counter of decimals", 1.0,
       [sum = int64_t{0}](auto& r, size_t) mutable {
         return static_cast<double>(sum += static_cast<int64_t>(r() % 50)) / 100;
       }},
      {"sum of decimals, with noise", 1.7,
       [sum = 0.](auto& r, size_t) mutable { return sum += static_cast<double>(r() % 50) / 100; }},
      {"memory in pages", 1.2,
       [](auto& r, size_t) { return 4096. * static_cast<double>(1'000'000 + r() % 200); }},
      {"gauge with two decimals", 1.6,
       [](auto& r, size_t) { return static_cast<double>(r() % 2000) / 100; }},
      {"rarely changing", 0.2,
       [v = 1.](auto& r, size_t) mutable {
         if (r() % 100 == 0) v = static_cast<double>(r() % 8);
         return v;
       }},
      {"noise", 8.1, [](auto& r, size_t) { return std::bit_cast<double>(r()); }},
      {"uniform", 7.6,
       [](auto& r, size_t) { return std::uniform_real_distribution<double>(0, 1)(r); }},
      {"tiny", 7.6,
       [](auto& r, size_t) { return 1e-300 * static_cast<double>(r() % 1000); }},
      {"huge", 7.9, [](auto& r, size_t) { return 1e300 * static_cast<double>(r() % 1000); }},
      {"negative", 1.5,
       [](auto& r, size_t) { return -static_cast<double>(r() % 1000) / 10; }},
      {"near 2^53", 2.2,
       [](auto& r, size_t) { return 9007199254740991. - static_cast<double>(r() % 1000); }},
      {"with stale markers", 1.6,
       [](auto& r, size_t) {
         return r() % 20 == 0 ? model::StaleNan() : static_cast<double>(r() % 100);
       }},
      {"every special value", 3.0,
       [](auto& r, size_t) {
         const double specials[] = {0., -0., INFINITY, -INFINITY, model::StaleNan(),
                                    model::NormalNan(), 1., 0.1,
                                    std::numeric_limits<double>::denorm_min(),
                                    std::bit_cast<double>(0x7ff8000000001234)};
         return specials[r() % std::size(specials)];
       }},
  };
}

TEST(SealedValues, EveryClassComesBackToTheBitAndIsAsSmallAsPromised) {
  const uint64_t seed = testing_support::Seed();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  for (const Class& c : Classes()) {
    SCOPED_TRACE(c.name);
    size_t bytes = 0;
    for (int round = 0; round < 20; ++round) {
      Class fresh = c;
      std::vector<double> values;
      for (size_t i = 0; i < kMaxValues; ++i) values.push_back(fresh.next(random, i));
      const std::string packed = Pack(values);
      bytes += packed.size();
      ExpectBack(values, packed);
      values.resize(1 + random() % kMaxValues);
      ExpectBack(values, Pack(values));
    }
    EXPECT_LE(static_cast<double>(bytes) / (20. * kMaxValues), c.max_bytes);
  }
}

TEST(SealedValues, AnyMixtureComesBack) {
  const uint64_t seed = testing_support::Seed();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 2000; ++round) {
    std::vector<Class> classes = Classes();
    std::vector<double> values;
    const size_t n = 1 + random() % kMaxValues;
    while (values.size() < n) {
      Class& c = classes[random() % classes.size()];
      for (size_t run = 1 + random() % 40; run > 0 && values.size() < n; --run) {
        values.push_back(c.next(random, values.size()));
      }
    }
    ExpectBack(values, Pack(values));
  }
}

TEST(SealedValues, BytesOfTheFormatStayWhatTheyAre) {
  const auto packed = [](std::vector<double> values) { return Hex(Pack(values)); };
  EXPECT_EQ(packed({7, 7, 7}), "00000e");
  EXPECT_EQ(packed({model::StaleNan()}), "00ff020000000000f07f");
  EXPECT_EQ(packed({1, 2, 3, 4, 5, 6, 7, 8}), "0900020002");
  EXPECT_EQ(packed({0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8}), "0901020002");
  EXPECT_EQ(packed({1, 2, model::StaleNan(), 4, 5, 6, 7, 8}), "21011000030248c6fa");
  std::vector<double> sparse(200, 5);
  sparse[150] = 6;
  EXPECT_EQ(packed(sparse), "040296010100010a02");
  EXPECT_EQ(packed({0.1 + 0.2, 0.1 + 0.7, 1.1}), "020104065008020112");
  EXPECT_EQ(packed({1e-300, 2e-300, 3e-300}),
            "05c7e34adc3f85f1e6b30400000000000023abe44086122ed0");
  EXPECT_EQ(packed({std::bit_cast<double>(0x0123456789abcdef), std::bit_cast<double>(0xf1e2d3c4b5a69788),
                    std::bit_cast<double>(0x123456789abcdef0)}),
            "06efcdab89674523018897a6b5c4d3e2f1f0debc9a78563412");
}

TEST(SealedValues, BytesThatNoWriterChoosesAnyMoreAreReadAsWell) {
  const char kOrdered[] =
      "\x03\x84\xb8\xd6\x83\x80\x91\x8f\xf2\xb7\xfc\x01\x01\x02\xdb\x8f\xbe\x9d\xe3\x93\xb6\x9b\x08"
      "\x70\x0d";
  double out[4];
  ASSERT_TRUE(ReadValues({kOrdered, sizeof kOrdered - 1}, 4, out));
  EXPECT_EQ(std::vector<double>(out, out + 4),
            (std::vector<double>{1e300, 1e300 + 1e285, 1e-300, 1e300}));
}

TEST(SealedValues, BrokenBytesAreRefused) {
  std::mt19937_64 random(3);
  for (const Class& c : Classes()) {
    Class fresh = c;
    std::vector<double> values;
    for (size_t i = 0; i < 200; ++i) values.push_back(fresh.next(random, i));
    const std::string packed = Pack(values);
    double out[kMaxValues];
    for (size_t n = 0; n < packed.size(); ++n) {
      EXPECT_FALSE(ReadValues(std::string_view(packed).substr(0, n), 200, out)) << c.name;
    }
  }
}

TEST(SealedInts, AnyNumbersComeBack) {
  const uint64_t seed = testing_support::Seed();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 3000; ++round) {
    std::vector<int64_t> numbers(1 + random() % 300);
    const auto bits = static_cast<int>(random() % 65);
    for (int64_t& x : numbers) {
      const int b = random() % 30 == 0 ? static_cast<int>(random() % 65) : bits;
      x = b == 0 ? 0 : static_cast<int64_t>(random() >> (64 - b));
      if (random() % 4 == 0) x = -x;
    }
    std::string bytes;
    AppendInts(numbers, &bytes);
    EXPECT_LE(bytes.size(), IntsSize(numbers));
    std::vector<int64_t> back(numbers.size());
    std::string_view rest = bytes;
    ASSERT_TRUE(TakeInts(&rest, back.size(), back.data()));
    EXPECT_TRUE(rest.empty());
    EXPECT_EQ(back, numbers);
  }
}

TEST(TimeColumn, RegularTimesTakeNextToNothing) {
  std::vector<model::TimeMs> times;
  for (int i = 0; i < 5760; ++i) times.push_back(1'700'000'000'123 + 15'000 * i);
  std::string bytes;
  AppendTimes(times, &bytes);
  EXPECT_LE(bytes.size(), 120u);
  std::vector<model::TimeMs> back;
  ASSERT_TRUE(ReadTimes(bytes, &back));
  EXPECT_EQ(back, times);
}

TEST(TimeColumn, AnyTimesComeBack) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 1000; ++round) {
    std::vector<model::TimeMs> times(1 + random() % 1000);
    model::TimeMs t = static_cast<model::TimeMs>(random());
    for (model::TimeMs& time : times) {
      time = t;
      const uint64_t step = random() % 10 == 0 ? random() % 1'000'000'000 : 15'000 + random() % 7;
      t = static_cast<model::TimeMs>(static_cast<uint64_t>(t) + step);
    }
    std::string bytes;
    AppendTimes(times, &bytes);
    std::vector<model::TimeMs> back;
    ASSERT_TRUE(ReadTimes(bytes, &back));
    EXPECT_EQ(back, times);
    EXPECT_FALSE(ReadTimes(std::string_view(bytes).substr(0, random() % bytes.size()), &back));
  }
}

}  // namespace
}  // namespace chunk::sealed
