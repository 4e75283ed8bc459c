#include <gtest/gtest.h>

#include <cmath>
#include <ctime>
#include <limits>
#include <optional>
#include <random>

#include "promql/functions/calendar.h"
#include "promql/functions/functions.h"

namespace promql {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::optional<double> Cell(std::string_view function, double v, std::vector<double> params = {}) {
  uint64_t present = 1;
  std::vector<const double*> pointers;
  for (const double& p : params) pointers.push_back(&p);
  Grid eval;
  eval.start = eval.end = 1500;
  FindCellFunction(function)({&v, &present, 1}, eval, pointers);
  return present == 1 ? std::optional(v) : std::nullopt;
}

bool IsNan(std::optional<double> v) { return v.has_value() && std::isnan(*v); }

TEST(CellFunctions, SignsAndWholes) {
  EXPECT_EQ(Cell("abs", -3), 3);
  EXPECT_EQ(Cell("ceil", 1.2), 2);
  EXPECT_EQ(Cell("floor", -1.2), -2);
  EXPECT_EQ(Cell("sgn", -0.1), -1);
  EXPECT_EQ(Cell("sgn", kInf), 1);
  EXPECT_TRUE(std::signbit(*Cell("sgn", -0.0)));
  EXPECT_TRUE(IsNan(Cell("sgn", kNan)));
}

TEST(CellFunctions, RoundsTiesUp) {
  EXPECT_EQ(Cell("round", 2.5), 3);
  EXPECT_EQ(Cell("round", -2.5), -2);
  EXPECT_EQ(Cell("round", 2.6, {5}), 5);
  EXPECT_EQ(Cell("round", 0.05, {0.1}), 0.1);
  EXPECT_EQ(Cell("round", 0.15, {0.1}), std::floor(0.15 * (1 / 0.1) + 0.5) / (1 / 0.1));
  EXPECT_TRUE(IsNan(Cell("round", 1, {0})));
  EXPECT_EQ(Cell("round", kInf), kInf);
}

TEST(CellFunctions, ClampsAndGivesNothingForBoundsThatCross) {
  EXPECT_EQ(Cell("clamp", 7, {0, 5}), 5);
  EXPECT_EQ(Cell("clamp", -7, {0, 5}), 0);
  EXPECT_EQ(Cell("clamp", 3, {5, 0}), std::nullopt);
  EXPECT_TRUE(IsNan(Cell("clamp", 3, {kNan, 5})));
  EXPECT_TRUE(IsNan(Cell("clamp", kNan, {0, 5})));
  EXPECT_EQ(Cell("clamp_min", 3, {5}), 5);
  EXPECT_EQ(Cell("clamp_max", 3, {-5}), -5);
  EXPECT_EQ(Cell("clamp_min", kNan, {kInf}), kInf);  // As Go's math.Max.
  EXPECT_EQ(Cell("clamp_max", kNan, {-kInf}), -kInf);
  EXPECT_TRUE(IsNan(Cell("clamp_min", 3, {kNan})));
}

TEST(CellFunctions, LogarithmsAndRootsAtTheirEdges) {
  EXPECT_EQ(Cell("ln", 0), -kInf);
  EXPECT_TRUE(IsNan(Cell("ln", -1)));
  EXPECT_EQ(Cell("log2", 8), 3);
  EXPECT_EQ(Cell("log10", 100), 2);
  EXPECT_EQ(Cell("exp", -kInf), 0);
  EXPECT_EQ(Cell("exp", 1000), kInf);
  EXPECT_TRUE(IsNan(Cell("sqrt", -1)));
  EXPECT_TRUE(IsNan(Cell("acosh", 0.5)));
  EXPECT_EQ(Cell("atanh", 1), kInf);
  EXPECT_EQ(Cell("deg", M_PI), 180);
  EXPECT_EQ(Cell("rad", 180), M_PI);
}

TEST(CellFunctions, TimestampIsTheEvaluationTime) { EXPECT_EQ(Cell("timestamp", 99), 1.5); }

TEST(CellFunctions, DatesOfASample) {
  const double t = 1136239445;  // 2006-01-02T22:04:05Z, a Monday.
  EXPECT_EQ(Cell("year", t), 2006);
  EXPECT_EQ(Cell("month", t), 1);
  EXPECT_EQ(Cell("day_of_month", t), 2);
  EXPECT_EQ(Cell("day_of_week", t), 1);
  EXPECT_EQ(Cell("day_of_year", t), 2);
  EXPECT_EQ(Cell("hour", t), 22);
  EXPECT_EQ(Cell("minute", t), 4);
  EXPECT_EQ(Cell("days_in_month", 1454284800), 29);  // February 2016.
  EXPECT_EQ(Cell("days_in_month", 1485907200), 28);
  EXPECT_EQ(Cell("hour", 3599.9), 0);  // Cut, not rounded.
  EXPECT_EQ(Cell("minute", -0.5), 0);
}

TEST(CellFunctions, WhatIsNoTimeIsTheLowestOne) {
  for (const double v : {kNan, kInf, -kInf, 1e300}) {
    EXPECT_EQ(Cell("year", v), Cell("year", -0x1p63)) << v;
  }
  EXPECT_EQ(Cell("year", -0x1p63), 292277026596.0);  // Go wraps around.
  EXPECT_EQ(Cell("month", -0x1p63), 12);
  EXPECT_EQ(Cell("hour", -0x1p63), 15);
}

TEST(Calendar, AgreesWithTheSystemOnRandomTimes) {
  std::mt19937_64 random(7);
  std::uniform_int_distribution<int64_t> seconds(-200'000'000'000, 400'000'000'000);
  for (int i = 0; i < 20'000; ++i) {
    const time_t t = seconds(random);
    std::tm want{};
    ASSERT_NE(gmtime_r(&t, &want), nullptr);
    const CivilTime got = CivilFromUnix(t);
    ASSERT_EQ(got.year, want.tm_year + 1900) << t;
    ASSERT_EQ(got.month, want.tm_mon + 1) << t;
    ASSERT_EQ(got.day, want.tm_mday) << t;
    ASSERT_EQ(got.hour, want.tm_hour) << t;
    ASSERT_EQ(got.minute, want.tm_min) << t;
    ASSERT_EQ(got.second, want.tm_sec) << t;
    ASSERT_EQ(got.day_of_week, want.tm_wday) << t;
    ASSERT_EQ(got.day_of_year, want.tm_yday + 1) << t;
  }
}

}  // namespace
}  // namespace promql
