#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "promql/functions/functions.h"
#include "promql/signatures.h"
#include "tests/promql/functions/rows.h"
#include "tests/promql/functions/slow_windows.h"

namespace promql {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Output {
  std::vector<double> values;
  std::vector<uint64_t> present;
  Row row;
  explicit Output(int steps) : values(steps), present((steps + 63) / 64) {
    row = {values.data(), present.data(), steps};
  }
};

// The values of one window over all samples, or NaN-marked absence.
std::optional<double> OverAll(std::string_view function, std::vector<model::Sample> samples,
                              std::vector<double> params = {}, int64_t range_ms = 300'000,
                              model::TimeMs end = 300'000) {
  chunk::SampleColumns columns;
  for (const model::Sample& s : samples) columns.times.push_back(s.t), columns.values.push_back(s.v);
  std::vector<const double*> pointers;
  for (const double& p : params) pointers.push_back(&p);
  Output out(1);
  Grid eval;
  eval.start = eval.end = end;
  FindWindowFunction(function).run(columns, {end, 0, 1, range_ms}, eval, pointers, out.row);
  return out.row.has(0) ? std::optional(out.values[0]) : std::nullopt;
}

// Every 60 s from 60 s on.
std::vector<model::Sample> EveryMinute(std::initializer_list<double> values) {
  std::vector<model::Sample> samples;
  for (const double v : values) {
    samples.push_back({static_cast<model::TimeMs>(samples.size() + 1) * 60'000, v});
  }
  return samples;
}

TEST(WindowFunctions, AreThoseWithARangeVectorParameter) {
  for (const Signature& signature : AllSignatures()) {
    bool takes_range = false;
    for (int i = 0; i < signature.num_args; ++i) {
      takes_range |= signature.args[i] == ValueType::kMatrix;
    }
    EXPECT_EQ(FindWindowFunction(signature.name).run != nullptr, takes_range) << signature.name;
  }
}

TEST(WindowFunctions, RateStretchesToTheWindowsEdges) {
  // 60 s to 300 s seen, nothing missing at either end.
  EXPECT_EQ(OverAll("increase", EveryMinute({0, 10, 20, 30, 40})), 40);  // The counter began at 0.
  EXPECT_EQ(OverAll("increase", EveryMinute({100, 110, 120, 130, 140})), 50);
  EXPECT_EQ(OverAll("rate", EveryMinute({100, 110, 120, 130, 140})), 50.0 / 300);
  EXPECT_EQ(OverAll("delta", EveryMinute({100, 90, 80, 70, 60})), -50);
}

TEST(WindowFunctions, RateGoesOnlyHalfAnIntervalTowardsAFarEdge) {
  // Samples at 60 and 120 s of 300: half an interval is added at the far side.
  EXPECT_EQ(OverAll("increase", EveryMinute({1000, 1060})), 60 * (60.0 + 60 + 30) / 60);
}

TEST(WindowFunctions, RateAddsWhatAResetTookAway) {
  EXPECT_EQ(OverAll("increase", EveryMinute({100, 110, 5, 15, 25})), 35 * 300.0 / 240);
  EXPECT_EQ(OverAll("resets", EveryMinute({100, 110, 5, 15, 3})), 2);
}

TEST(WindowFunctions, OneSampleIsNoRate) {
  for (const char* name : {"rate", "increase", "delta", "irate", "idelta", "deriv"}) {
    EXPECT_EQ(OverAll(name, EveryMinute({1})), std::nullopt) << name;
  }
  EXPECT_EQ(OverAll("predict_linear", EveryMinute({1}), {60}), std::nullopt);
}

TEST(WindowFunctions, InstantRateTakesTheLastTwo) {
  EXPECT_EQ(OverAll("irate", EveryMinute({1, 1000, 1060})), 1);
  EXPECT_EQ(OverAll("irate", EveryMinute({1, 1000, 30})), 0.5);  // After a reset.
  EXPECT_EQ(OverAll("idelta", EveryMinute({1, 1000, 30})), -970);
}

TEST(WindowFunctions, WindowsAreOpenOnTheLeft) {
  EXPECT_EQ(OverAll("count_over_time", {{0, 1}, {1, 1}, {300'000, 1}, {300'001, 1}}), 2);
}

TEST(WindowFunctions, SumsKeepWhatPlainAdditionLoses) {
  EXPECT_EQ(OverAll("sum_over_time", EveryMinute({1e100, 1, -1e100, 1})), 2);
  EXPECT_EQ(OverAll("avg_over_time", EveryMinute({1e100, 1, -1e100, 1})), 0.5);
  EXPECT_EQ(OverAll("sum_over_time", EveryMinute({kInf, 1})), kInf);
}

TEST(WindowFunctions, AveragesSurviveSumsTooLarge) {
  EXPECT_EQ(OverAll("avg_over_time", EveryMinute({1.5e308, 1.5e308, 1.5e308})), 1.5e308);
  EXPECT_EQ(OverAll("avg_over_time", EveryMinute({kInf, 1})), kInf);
  EXPECT_TRUE(std::isnan(*OverAll("avg_over_time", EveryMinute({kInf, -kInf}))));
}

TEST(WindowFunctions, ExtremesAreNanOnlyWhenAllIs) {
  EXPECT_EQ(OverAll("min_over_time", EveryMinute({kNan, 3, 1, kNan})), 1);
  EXPECT_EQ(OverAll("max_over_time", EveryMinute({3, kNan, 1})), 3);
  EXPECT_TRUE(std::isnan(*OverAll("max_over_time", EveryMinute({kNan, kNan}))));
  EXPECT_EQ(OverAll("ts_of_max_over_time", EveryMinute({3, 1, 3})), 180);
  EXPECT_EQ(OverAll("ts_of_min_over_time", EveryMinute({3, 1, 1})), 180);
}

TEST(WindowFunctions, QuantilesInterpolateAndStayInBounds) {
  EXPECT_EQ(OverAll("quantile_over_time", EveryMinute({3, 1, 2, 4}), {0.5}), 2.5);
  EXPECT_EQ(OverAll("quantile_over_time", EveryMinute({3, 1}), {-1}), -kInf);
  EXPECT_EQ(OverAll("quantile_over_time", EveryMinute({3, 1}), {2}), kInf);
  EXPECT_TRUE(std::isnan(*OverAll("quantile_over_time", EveryMinute({3, 1}), {kNan})));
  EXPECT_EQ(OverAll("mad_over_time", EveryMinute({4, 6, 2, 1, 999})), 2);
}

TEST(WindowFunctions, ConstantSeriesHaveNoSlope) {
  EXPECT_EQ(OverAll("deriv", EveryMinute({7, 7, 7})), 0);
  EXPECT_EQ(OverAll("predict_linear", EveryMinute({7, 7, 7}), {3600}), 7);
  EXPECT_TRUE(std::isnan(*OverAll("deriv", EveryMinute({kInf, kInf}))));
}

TEST(WindowFunctions, ANanAndAnotherNanAreNoChange) {
  EXPECT_EQ(OverAll("changes", EveryMinute({1, 1, 2, kNan, kNan, 2})), 2);
  EXPECT_EQ(OverAll("changes", EveryMinute({1, 2, kNan, kNan})), 2);
}

TEST(WindowFunctions, WarnOfQuantilesOutsideTheUnitInterval) {
  TestQuery query("quantile_over_time(1.5, x[5m])", 3);
  const double quantiles[] = {0.5, 1.5, 1.5};
  const std::vector<const double*> params = {quantiles};
  Output out(3);
  const WindowSpec spec = FindWindowFunction("quantile_over_time");
  out.row.Set(0, 1);
  ASSERT_TRUE(spec.check(query.expr(), params, out.row, query.context().annotations).ok());
  EXPECT_TRUE(query.TakeAnnotations().empty()) << "only present cells count";
  out.row.Set(2, 1);
  ASSERT_TRUE(spec.check(query.expr(), params, out.row, query.context().annotations).ok());
  EXPECT_EQ(query.TakeAnnotations(),
            std::vector<std::string>{
                "PromQL warning: quantile value should be between 0 and 1, got 1.5 (1:20)"});
}

TEST(WindowFunctions, RefuseBadSmoothingFactors) {
  TestQuery query("double_exponential_smoothing(x[5m], 1, 0.5)");
  const WindowSpec spec = FindWindowFunction("double_exponential_smoothing");
  chunk::SampleColumns samples{{60'000}, {1}};
  const double one = 1, half = 0.5;
  for (const auto& [smoothing, trend, text] :
       {std::tuple{&one, &half,
                   "invalid smoothing factor. Expected: 0 < sf < 1, got: 1.000000"},
        std::tuple{&half, &one, "invalid trend factor. Expected: 0 < tf < 1, got: 1.000000"}}) {
    const std::vector<const double*> params = {smoothing, trend};
    Output out(1);
    spec.run(samples, {60'000, 0, 1, 60'000}, {}, params, out.row);
    const absl::Status status = spec.check(query.expr(), params, out.row, nullptr);
    EXPECT_EQ(status.message(), text);
    EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  }
}

// --- All functions against the plain version, to the last bit.

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  chunk::SampleColumns Samples() {
    chunk::SampleColumns out;
    const int count = Int(0, 3) == 0 ? Int(0, 5) : Int(0, 300);
    const int kind = Int(0, 6);
    model::TimeMs t = Int(-100'000, 100'000);
    double v = Int(0, 1000);
    for (int i = 0; i < count; ++i) {
      t += Int(0, 9) == 0 ? Int(1, 400'000) : Int(0, 3) == 0 ? Int(1, 30'000) : 15'000;
      v = Value(kind, v);
      out.times.push_back(t);
      out.values.push_back(v);
    }
    return out;
  }

  WindowGrid Windows() {
    WindowGrid windows;
    windows.steps = Int(0, 3) == 0 ? 1 : Int(1, 150);
    windows.step_ms = windows.steps == 1 ? 0 : Int(0, 4) == 0 ? Int(1, 1'000'000) : 30'000;
    windows.first_end = Int(-300'000, 2'000'000);
    windows.range_ms = Int(0, 3) == 0 ? Int(1, 3'000'000) : 300'000;
    return windows;
  }

  // Others at the same times.
  void Change(std::vector<double>* values) {
    const int kind = Int(0, 6);
    double v = Int(0, 1000);
    for (double& value : *values) value = v = Value(kind, v);
  }

  int Int(int low, int high) { return std::uniform_int_distribution(low, high)(random_); }
  double Real(double low, double high) {
    return std::uniform_real_distribution(low, high)(random_);
  }

 private:
  double Value(int kind, double before) {
    switch (kind) {
      case 0: return Int(0, 20) == 0 ? Int(0, 3) : before + Int(0, 100);          // Counter.
      case 1: return Int(0, 20) == 0 ? Real(0, 1) : before + Real(0, 10);         // Of fractions.
      case 2: return Real(-1, 1) * std::pow(10, Int(-300, 308));                  // Any scale.
      case 3: return Int(-3, 3) * (Int(0, 1) == 0 ? 1.0 : -1.0);                  // Ties, -0.
      case 4: {                                                                   // The specials.
        const double kSpecials[] = {kNan, kInf, -kInf, 0.0, -0.0, 1.0, 1e308, -1e308, 5e-324};
        return kSpecials[Int(0, 8)];
      }
      case 5: return Int(0, 4) == 0 ? kNan : Real(-100, 100);
      default: return before;  // Constant.
    }
  }

  std::mt19937_64 random_;
};

uint64_t Bits(double v) { return std::bit_cast<uint64_t>(std::isnan(v) ? kNan : v); }

class AllWindowFunctions : public testing::TestWithParam<const char*> {};

TEST_P(AllWindowFunctions, AgreeWithThePlainVersionToTheLastBit) {
  const std::string_view name = GetParam();
  const WindowSpec spec = FindWindowFunction(name);
  ASSERT_NE(spec.run, nullptr);
  for (uint64_t seed = 0; seed < 400; ++seed) {
    Generator random(seed);
    chunk::SampleColumns samples = random.Samples();
    const WindowGrid windows = random.Windows();
    Grid eval;
    eval.start = windows.first_end + random.Int(-5000, 5000);
    eval.step_ms = windows.step_ms;
    eval.end = eval.start + eval.step_ms * (windows.steps - 1);
    std::vector<double> first(windows.steps), second(windows.steps);
    for (int i = 0; i < windows.steps; ++i) {
      if (name == "quantile_over_time") {
        first[i] = random.Int(0, 5) == 0 ? random.Real(-1, 2) : random.Real(0, 1);
      } else {
        first[i] = random.Real(0.01, 0.99), second[i] = random.Real(0.01, 0.99);
      }
    }
    const std::vector<const double*> params = {first.data(), second.data()};
    const auto check = [&](const WindowGrid& how) {
      Output out(windows.steps);
      spec.run(samples, how, eval, params, out.row);
      for (int i = 0; i < windows.steps; ++i) {
        const double at[] = {first[i], second[i]};
        const auto want = SlowWindow(name, samples, windows, i, eval.at(i), at);
        ASSERT_EQ(out.row.has(i), want.has_value()) << name << " seed " << seed << " step " << i;
        if (!want.has_value()) continue;
        ASSERT_EQ(Bits(out.values[i]), Bits(*want))
            << name << " seed " << seed << " step " << i << ": " << out.values[i] << " for " << *want;
      }
      for (int i = windows.steps; i < static_cast<int>(out.present.size()) * 64; ++i) {
        ASSERT_FALSE(out.row.has(i)) << "a bit past the steps";
      }
    };
    ASSERT_NO_FATAL_FAILURE(check(windows));
    // Again with edges that are kept for a series with the same times.
    kernels::WindowEdges edges;
    WindowGrid shared = windows;
    shared.edges = &edges;
    for (int i = 0; i < 2; ++i) {
      ASSERT_NO_FATAL_FAILURE(check(shared));
      random.Change(&samples.values);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    , AllWindowFunctions,
    testing::Values("absent_over_time", "avg_over_time", "changes", "count_over_time", "delta",
                    "deriv", "double_exponential_smoothing", "first_over_time", "idelta",
                    "increase", "irate", "last_over_time", "mad_over_time", "max_over_time",
                    "min_over_time", "predict_linear", "present_over_time", "quantile_over_time",
                    "rate", "resets", "stddev_over_time", "stdvar_over_time", "sum_over_time",
                    "ts_of_first_over_time", "ts_of_last_over_time", "ts_of_max_over_time",
                    "ts_of_min_over_time"),
    [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace promql
