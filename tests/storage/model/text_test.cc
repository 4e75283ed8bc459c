// Numbers and durations as text, by table.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "storage/base/status.h"
#include "storage/model/duration_text.h"
#include "storage/model/number_text.h"
#include "storage/model/sample.h"

namespace model {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

TEST(NumberText, PrintsAsGoDoes) {
  struct Case {
    double v;
    const char *f, *e, *g, *json;
  };
  const Case cases[] = {
      {0, "0", "0e+00", "0", "0"},
      {-0.0, "-0", "-0e+00", "-0", "-0"},
      {1, "1", "1e+00", "1", "1"},
      {100000, "100000", "1e+05", "100000", "100000"},
      {1000000, "1000000", "1e+06", "1e+06", "1000000"},
      {123456.7, "123456.7", "1.234567e+05", "123456.7", "123456.7"},
      {2349209.324, "2349209.324", "2.349209324e+06", "2.349209324e+06", "2349209.324"},
      {0.0001, "0.0001", "1e-04", "0.0001", "0.0001"},
      {0.00001, "0.00001", "1e-05", "1e-05", "0.00001"},
      {1e-7, "0.0000001", "1e-07", "1e-07", "1e-07"},
      {1e21, "1000000000000000000000", "1e+21", "1e+21", "1e+21"},
      {123456789012345678.0, "123456789012345680", "1.2345678901234568e+17",
       "1.2345678901234568e+17", "123456789012345680"},
      {-1.5e300, nullptr, "-1.5e+300", "-1.5e+300", "-1.5e+300"},
      {kInf, "+Inf", "+Inf", "+Inf", "+Inf"},
      {-kInf, "-Inf", "-Inf", "-Inf", "-Inf"},
      {NormalNan(), "NaN", "NaN", "NaN", "NaN"},
      {9007199254740993.0, "9007199254740992", "9.007199254740992e+15", "9.007199254740992e+15",
       "9007199254740992"},
  };
  for (const Case& c : cases) {
    if (c.f != nullptr) { EXPECT_EQ(FormatFloat(c.v, 'f'), c.f); }
    EXPECT_EQ(FormatFloat(c.v, 'e'), c.e);
    EXPECT_EQ(FormatFloat(c.v, 'g'), c.g);
    std::string json;
    AppendJsonFloat(&json, c.v);
    EXPECT_EQ(json, c.json);
  }
}

TEST(NumberText, EveryDoubleComesBack) {
  std::mt19937_64 random(9);
  for (int i = 0; i < 20'000; ++i) {
    const double v = std::bit_cast<double>(random());
    if (std::isnan(v)) continue;
    for (const char format : {'f', 'e', 'g'}) {
      const auto back = ParseFloat(FormatFloat(v, format));
      ASSERT_TRUE(back.has_value()) << FormatFloat(v, format);
      ASSERT_EQ(*back, v) << FormatFloat(v, format);
    }
  }
}

TEST(NumberText, ReadsWhatGoReads) {
  const std::pair<const char*, double> good[] = {
      {"1", 1},       {"+1", 1},        {"-1.5", -1.5},     {".5", .5},        {"5.", 5},
      {"1e3", 1000},  {"1E-3", 0.001},  {"Inf", kInf},      {"+inf", kInf},    {"-INF", -kInf},
      {"infinity", kInf}, {"0x1p-2", .25}, {"0X1.8p1", 3}, {"1e-400", 0},     {"0755", 755},
      {"179769313486231570000000000000000000000e270", 1.7976931348623157e308}};
  for (const auto& [text, v] : good) {
    ASSERT_TRUE(ParseFloat(text).has_value()) << text;
    EXPECT_EQ(*ParseFloat(text), v) << text;
  }
  EXPECT_TRUE(std::isnan(*ParseFloat("NaN")));
  EXPECT_TRUE(std::isnan(*ParseFloat("nan")));
  for (const char* bad : {"", "+", "-", ".", "e5", "1e", "1x", "0x", "0x1", "0x.p1", "nanx", "+nan", "in",
                          "1_000", "1 ", " 1", "1e400", "--1", "+-1", "0x1p"}) {
    EXPECT_FALSE(ParseFloat(bad).has_value()) << bad;
  }
  EXPECT_EQ(*ParseFloat("1_000", true), 1000);
  for (const char* bad : {"_1", "1_", "1__0", "1_.5", "1._5"}) {
    EXPECT_FALSE(ParseFloat(bad, true).has_value()) << bad;
  }
}

TEST(NumberText, TimesHaveUpToThreeDecimals) {
  const std::pair<int64_t, const char*> cases[] = {
      {1435781451781, "1435781451.781"}, {12000, "12"}, {-5, "-0.005"}, {10, "0.01"}, {100, "0.1"},
      {0, "0"}, {std::numeric_limits<int64_t>::min(), "-9223372036854775.808"}};
  for (const auto& [ms, text] : cases) {
    std::string out;
    AppendSeconds(&out, ms);
    EXPECT_EQ(out, text);
  }
}

TEST(NumberText, TimestampsHaveThreeDecimalsOrNone) {
  const std::pair<int64_t, const char*> cases[] = {
      {1435781451500, "1435781451.500"}, {12000, "12"}, {-5, "-0.005"}, {10, "0.010"}, {0, "0"},
      {-1500, "-1.500"}, {std::numeric_limits<int64_t>::min(), "-9223372036854775.808"}};
  for (const auto& [ms, text] : cases) {
    std::string out;
    AppendTimestamp(&out, ms);
    EXPECT_EQ(out, text);
  }
}

TEST(DurationText, IsReadAndPrinted) {
  struct Case {
    const char* text;
    int64_t ms;
    const char* printed;
  };
  const Case cases[] = {{"0", 0, "0s"},       {"5m", 300'000, "5m"},
                        {"90m", 5'400'000, "1h30m"}, {"1h30m", 5'400'000, "1h30m"},
                        {"7d", 604'800'000, "1w"},   {"8d", 691'200'000, "8d"},
                        {"30d", 2'592'000'000, "30d"}, {"1y", 31'536'000'000, "1y"},
                        {"1ms", 1, "1ms"},   {"1y2w3d4h5m6s7ms", 33019506007, "382d4h5m6s7ms"}};
  for (const Case& c : cases) {
    ASSERT_TRUE(ParseDurationMs(c.text).ok()) << c.text;
    EXPECT_EQ(*ParseDurationMs(c.text), c.ms) << c.text;
    EXPECT_EQ(FormatDurationMs(c.ms), c.printed);
  }
  EXPECT_EQ(FormatDurationMs(-60'000), "-1m");
}

TEST(DurationText, RefusalsSayWhy) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "empty duration string"},
      {"1", R"(not a valid duration string: "1")"},
      {"m", R"(not a valid duration string: "m")"},
      {"1m1h", R"(not a valid duration string: "1m1h")"},
      {"1m1m", R"(not a valid duration string: "1m1m")"},
      {"-1m", R"(not a valid duration string: "-1m")"},
      {"1x", R"(unknown unit "x" in duration "1x")"},
      {"1.5h", R"(unknown unit "." in duration "1.5h")"},
      {"293y", "duration out of range"},
      {"99999999999999999999999s", "duration out of range"}};
  for (const auto& [text, message] : cases) {
    EXPECT_EQ(base::message(ParseDurationMs(text).status()), message) << text;
  }
}

}  // namespace
}  // namespace model
