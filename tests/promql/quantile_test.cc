#include "promql/quantile.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace promql {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double QuantileOf(double q, std::vector<Bucket> buckets, MonotonicFix* fix = nullptr) {
  MonotonicFix ignored;
  return BucketQuantile(q, &buckets, fix == nullptr ? &ignored : fix);
}

double FractionOf(double lower, double upper, std::vector<Bucket> buckets) {
  return BucketFraction(lower, upper, &buckets);
}

TEST(Quantile, InterpolatesBetweenRanks) {
  std::vector<double> values = {4, 1, 3, 2};
  EXPECT_EQ(Quantile(0, values), 1);
  EXPECT_EQ(Quantile(1, values), 4);
  EXPECT_EQ(Quantile(0.5, values), 2.5);
  EXPECT_EQ(Quantile(0.25, values), 1.75);
}

TEST(Quantile, PutsNanFirst) {
  std::vector<double> values = {3, kNan, 1};
  EXPECT_EQ(Quantile(1, values), 3);
  EXPECT_TRUE(std::isnan(Quantile(0, values)));
}

TEST(Quantile, OfNothingIsNan) { EXPECT_TRUE(std::isnan(Quantile(0.5, {}))); }

TEST(BucketQuantile, InterpolatesInsideABucket) {
  const std::vector<Bucket> buckets = {{1, 10}, {2, 20}, {kInf, 20}};
  EXPECT_EQ(QuantileOf(0.5, buckets), 1);
  EXPECT_EQ(QuantileOf(0.75, buckets), 1.5);
  EXPECT_EQ(QuantileOf(0.25, buckets), 0.5);  // The first bucket starts at 0.
}

TEST(BucketQuantile, AnswersWithABoundWhereItCannotInterpolate) {
  EXPECT_EQ(QuantileOf(0.9, {{1, 1}, {kInf, 10}}), 1);     // In the bucket to +Inf.
  EXPECT_EQ(QuantileOf(0.1, {{-1, 5}, {kInf, 10}}), -1);   // In a lowest bucket below 0.
}

TEST(BucketQuantile, NeedsTheLastBucketASecondOneAndObservations) {
  EXPECT_TRUE(std::isnan(QuantileOf(0.5, {{1, 1}, {2, 2}})));
  EXPECT_TRUE(std::isnan(QuantileOf(0.5, {{kInf, 2}})));
  EXPECT_TRUE(std::isnan(QuantileOf(0.5, {{1, 0}, {kInf, 0}})));
}

TEST(BucketQuantile, KnowsWhatIsNoQuantile) {
  const std::vector<Bucket> buckets = {{1, 10}, {kInf, 20}};
  EXPECT_EQ(QuantileOf(-0.1, buckets), -kInf);
  EXPECT_EQ(QuantileOf(1.1, buckets), kInf);
  EXPECT_TRUE(std::isnan(QuantileOf(kNan, buckets)));
}

TEST(BucketQuantile, AddsUpBucketsOfOneBound) {
  EXPECT_EQ(QuantileOf(0.5, {{1, 4}, {1, 6}, {2, 20}, {kInf, 20}}), 1);
}

TEST(BucketQuantile, RaisesCountsThatFallAndSaysWhere) {
  MonotonicFix fix;
  EXPECT_EQ(QuantileOf(0.5, {{1, 10}, {2, 8}, {3, 12}, {4, 9}, {kInf, 20}}, &fix), 1);
  EXPECT_TRUE(fix.forced);
  EXPECT_EQ(fix.min_bound, 2);
  EXPECT_EQ(fix.max_bound, 4);
  EXPECT_EQ(fix.max_raise, 3);
}

TEST(BucketQuantile, PassesOverTinyDifferencesInSilence) {
  MonotonicFix fix;
  QuantileOf(0.5, {{1, 10}, {2, 10 - 1e-13}, {kInf, 20}}, &fix);
  EXPECT_FALSE(fix.forced);
}

TEST(BucketFraction, CountsWhatLiesBetween) {
  const std::vector<Bucket> buckets = {{1, 10}, {2, 20}, {kInf, 40}};
  EXPECT_EQ(FractionOf(0, 1, buckets), 0.25);
  EXPECT_EQ(FractionOf(0.5, 1.5, buckets), 0.25);
  EXPECT_EQ(FractionOf(-kInf, kInf, buckets), 1);
  EXPECT_EQ(FractionOf(5, kInf, buckets), 0.5);  // Nothing is known inside the last bucket.
  EXPECT_EQ(FractionOf(2, 1, buckets), 0);
  EXPECT_TRUE(std::isnan(FractionOf(kNan, 1, buckets)));
  EXPECT_TRUE(std::isnan(FractionOf(0, 1, {{1, 1}, {2, 1}})));
}

TEST(BucketFraction, CountsABucketFromMinusInfinityWhole) {
  EXPECT_EQ(FractionOf(-5, 1, {{-1, 10}, {1, 20}, {kInf, 20}}), 0.5);
}

}  // namespace
}  // namespace promql
