// Native histograms against the slow ones, and what whole numbers do not show.
#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <random>

#include "promql/histogram/arithmetic.h"
#include "promql/histogram/counter_reset.h"
#include "promql/histogram/mean.h"
#include "promql/histogram/statistics.h"
#include "promql/histogram/trim.h"
#include "promql/testing/histogram_description.h"
#include "promql/testing/script_compare.h"
#include "tests/promql/slow_histogram.h"

namespace promql::histogram {
namespace {

using model::FloatHistogram;

FloatHistogram Read(std::string_view text) {
  const auto read = promql_test::ParseHistogramDescription(text);
  EXPECT_TRUE(read.ok()) << read.status();
  return read.ok() ? read->histogram : FloatHistogram();
}

// Whole counts; zero buckets that end where a bucket does, or in the middle of one, empty or not.
class RandomHistogram {
 public:
  explicit RandomHistogram(uint64_t seed) : random_(seed) {}

  FloatHistogram Next() {
    FloatHistogram h;
    h.hint = static_cast<model::ResetHint>(Below(4));
    h.schema = Below(5) == 0 ? model::kCustomBuckets : Below(5) - 1;
    if (h.custom()) {
      for (double bound = Below(3) - 1; Below(5) != 0; bound += 1 + Below(2)) {
        h.custom_values.push_back(bound);
      }
      const int size = Below(static_cast<int>(h.custom_values.size()) + 2);
      if (size > 0) h.positive_spans = {{0, static_cast<uint32_t>(size)}};
    } else {
      constexpr double kThresholds[] = {0, 0.001, 0.25, 0.5, 0.7, 1, 2};
      h.zero_threshold = kThresholds[Below(7)];
      h.zero_count = Below(4);
      for (auto* spans : {&h.positive_spans, &h.negative_spans}) {
        const int n = Below(4);
        for (int i = 0; i < n; ++i) {
          spans->push_back({i == 0 ? Below(9) - 5 : Below(3), static_cast<uint32_t>(Below(4))});
        }
      }
    }
    Fill(h.positive_spans, &h.positive_buckets);
    Fill(h.negative_spans, &h.negative_buckets);
    h.count = h.zero_count;
    for (const double n : h.positive_buckets) h.count += n;
    for (const double n : h.negative_buckets) h.count += n;
    h.sum = (Below(400) - 200) / 4.0;
    return h;
  }
  int Below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }

 private:
  void Fill(const std::vector<model::Span>& spans, std::vector<double>* counts) {
    for (const model::Span& span : spans) {
      for (uint32_t i = 0; i < span.length; ++i) {
        counts->push_back(Below(3) == 0 ? 0 : Below(6));
      }
    }
  }

  std::mt19937_64 random_;
};

TEST(HistogramFuzz, AgreesWithTheSlowOne) {
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    RandomHistogram random(seed);
    const FloatHistogram a = random.Next(), b = random.Next();
    const SlowHistogram slow_a = FromModel(a), slow_b = FromModel(b);
    SCOPED_TRACE(fmt::format("seed {}\n{}\n{}", seed, promql_test::Describe(a),
                             promql_test::Describe(b)));
    for (const double sign : {1.0, -1.0}) {
      FloatHistogram sum = a;
      const AddOutcome outcome = sign > 0 ? Add(b, &sum) : Subtract(b, &sum);
      const std::optional<SlowHistogram> slow = Added(slow_a, slow_b, sign);
      ASSERT_EQ(outcome.compatible, slow.has_value());
      if (!slow.has_value()) continue;
      ASSERT_TRUE(promql_test::AlmostEqual(sum, ToModel(*slow), /*compare_hints=*/true))
          << promql_test::Describe(sum) << "\n" << promql_test::Describe(ToModel(*slow));
      EXPECT_EQ(outcome.bounds_reconciled, a.custom() && a.custom_values != b.custom_values);
      if (sign < 0) continue;
      FloatHistogram compensated = a;
      std::optional<FloatHistogram> lost;
      ASSERT_TRUE(AddCompensated(b, &compensated, &lost).compatible);
      Add(*lost, &compensated);
      ASSERT_TRUE(promql_test::AlmostEqual(compensated, ToModel(*slow), /*compare_hints=*/true))
          << promql_test::Describe(compensated) << "\n" << promql_test::Describe(ToModel(*slow));
    }
    ASSERT_EQ(IsReset(a, b), WasReset(slow_a, slow_b));
    ASSERT_EQ(Equal(a, b), SameHistogram(slow_a, slow_b));
    ASSERT_TRUE(Equal(a, a));
    if (a.count == 0) continue;
    for (const double q : {0.0, 0.1, 0.5, 0.9, 1.0}) {
      NanEffect effect;
      const double got = Quantile(q, a, &effect), want = SlowQuantile(q, slow_a);
      ASSERT_TRUE(promql_test::AlmostEqual(got, want)) << q << ": " << got << " " << want;
      EXPECT_EQ(effect, NanEffect::kNone);
    }
    for (const double at : {-3.0, -0.6, 0.0, 0.3, 1.0, 5.0}) {
      NanEffect effect;
      const double got = Fraction(at, at + 2, a, &effect);
      ASSERT_NEAR(got, SlowFraction(at, at + 2, slow_a), 1e-9) << at;
      for (const Keep keep : {Keep::kBelow, Keep::kAbove}) {
        FloatHistogram trimmed = a;
        Trim(keep, at, &trimmed);
        const FloatHistogram want = ToModel(Trimmed(slow_a, at, keep == Keep::kBelow));
        ASSERT_TRUE(promql_test::AlmostEqual(trimmed, want, /*compare_hints=*/true))
            << at << "\n" << promql_test::Describe(trimmed) << "\n" << promql_test::Describe(want);
      }
    }
  }
}

TEST(HistogramSums, KeepWhatIsSmall) {
  const FloatHistogram large = Read("schema:0 count:1e100 sum:1e100 buckets:[1e100 3]");
  const FloatHistogram small = Read("schema:0 count:1 sum:1 buckets:[1 1]");
  FloatHistogram less = large;
  Multiply(-1, &less);
  RunningSum sum(large);
  RunningMean mean(large);
  for (const FloatHistogram& h : {small, less}) {
    ASSERT_TRUE(sum.Add(h));
    ASSERT_TRUE(mean.Add(h));
  }
  const FloatHistogram total = std::move(sum).Take();
  EXPECT_EQ(total.count, 1);
  EXPECT_EQ(total.sum, 1);
  EXPECT_EQ(total.positive_buckets, (std::vector<double>{1, 1}));
  EXPECT_EQ(std::move(mean).Take().count, 1.0 / 3);
}

TEST(HistogramSums, AMeanDoesNotOverflow) {
  const FloatHistogram h = Read("schema:0 count:1.6e308 sum:1e308 buckets:[1.6e308]");
  RunningMean mean(h);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(mean.Add(h));
  const FloatHistogram got = std::move(mean).Take();
  EXPECT_DOUBLE_EQ(got.count, 1.6e308);
  EXPECT_DOUBLE_EQ(got.positive_buckets[0], 1.6e308);
}

TEST(HistogramSums, KnowWhatTheySaw) {
  FloatHistogram reset = Read("schema:0 count:1 buckets:[1] counter_reset_hint:reset");
  const FloatHistogram none = Read("schema:0 count:1 buckets:[1] counter_reset_hint:not_reset");
  RunningSum sum(reset);
  ASSERT_TRUE(sum.Add(reset));
  EXPECT_FALSE(sum.collision());
  ASSERT_TRUE(sum.Add(none));
  EXPECT_TRUE(sum.collision());
  EXPECT_EQ(std::move(sum).Take().hint, model::ResetHint::kUnknown);
  EXPECT_TRUE(Add(none, &reset).reset_collision);
}

TEST(HistogramStatistics, TellOfNanObservations) {
  FloatHistogram h = Read("schema:0 count:4 sum:NaN buckets:[1 1]");
  NanEffect effect;
  EXPECT_TRUE(std::isnan(Quantile(0.9, h, &effect)));
  EXPECT_EQ(effect, NanEffect::kIsNan);
  EXPECT_EQ(Quantile(0.5, h, &effect), 2);
  EXPECT_EQ(effect, NanEffect::kSkewed);
  EXPECT_EQ(Fraction(0, 1, h, &effect), 0.25);
  EXPECT_EQ(effect, NanEffect::kExcluded);
}

// A threshold that is no number must not make it search for ever.
TEST(HistogramSums, EndForAnyThreshold) {
  for (const double threshold : {std::nan(""), HUGE_VAL, -1.0}) {
    FloatHistogram a = Read("schema:0 count:2 z_bucket:1 z_bucket_w:0.5 buckets:[1]");
    FloatHistogram b = a;
    b.zero_threshold = threshold;
    EXPECT_TRUE(Add(b, &a).compatible);
    FloatHistogram c = b;
    EXPECT_TRUE(Add(a, &c).compatible);
  }
}

}  // namespace
}  // namespace promql::histogram
