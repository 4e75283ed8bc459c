#include "storage/model/histogram.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tests/testing/random_histogram.h"

namespace model {
namespace {

Histogram Good() {
  Histogram h;
  h.schema = 1;
  h.zero_threshold = 0.01;
  h.zero_count = 2;
  h.positive_spans = {{-1, 2}, {3, 1}};
  h.positive_buckets = {1, 2, -1};  // 1, 3, 2
  h.negative_spans = {{0, 1}};
  h.negative_buckets = {4};
  h.count = 2 + 6 + 4;
  h.sum = 17.5;
  return h;
}

std::string Fault(const AnyHistogram& h) { return std::string(Validate(h).message()); }

TEST(HistogramModel, AGoodOneIsValid) {
  EXPECT_EQ(Fault(Good()), "");
  EXPECT_EQ(Fault(ToFloat(Good())), "");
  Histogram stale;
  stale.sum = StaleNan();
  EXPECT_EQ(Fault(stale), "");
  EXPECT_TRUE(stale.stale());
}

TEST(HistogramModel, FaultsComeInPrometheusWords) {
  Histogram h = Good();
  h.positive_spans[1].offset = -1;
  EXPECT_EQ(Fault(h), "positive side: span number 2 with offset -1: histogram has a span whose "
                      "offset is negative");
  h = Good();
  h.negative_buckets.push_back(1);
  EXPECT_EQ(Fault(h), "negative side: spans need 1 buckets, have 2 buckets: histogram spans specify "
                      "different number of buckets than provided");
  h = Good();
  h.positive_buckets[1] = -2;
  EXPECT_EQ(Fault(h), "positive side: bucket number 2 has observation count of -1: histogram has a "
                      "bucket whose observation count is negative");
  h = Good();
  ++h.count;
  EXPECT_EQ(Fault(h), "12 observations found in buckets, but the Count field is 13: histogram's "
                      "observation count should equal the number of observations found in the "
                      "buckets (in absence of NaN)");
  h.sum = std::nan("");
  EXPECT_EQ(Fault(h), "");
  h.count = 11;
  EXPECT_EQ(Fault(h), "12 observations found in buckets, but the Count field is 11: histogram's "
                      "observation count should be at least the number of observations found in "
                      "the buckets");
  h = Good();
  h.schema = 9;
  EXPECT_EQ(Fault(h), "histogram has an invalid schema, which must be between -4 and 8 for "
                      "exponential buckets, or -53 for custom buckets, got schema 9");
  h = Good();
  h.custom_values = {1};
  EXPECT_EQ(Fault(h), "histogram with exponential schema must not have custom bounds");
  FloatHistogram f = ToFloat(Good());
  f.count = -1;
  EXPECT_EQ(Fault(f), "observation count is  -1: histogram's observation count is negative");
  f = ToFloat(Good());
  f.zero_count = -0.5;
  EXPECT_EQ(Fault(f), "zero bucket has observation count of -0.5: histogram has a bucket whose "
                      "observation count is negative");
}

TEST(HistogramModel, FaultsOfCustomBuckets) {
  Histogram good;
  good.schema = kCustomBuckets;
  good.custom_values = {-1, 0.5, 2};
  good.positive_spans = {{0, 1}, {1, 2}};
  good.positive_buckets = {1, 0, 0};
  good.count = 3;
  EXPECT_EQ(Fault(good), "");
  Histogram h = good;
  h.custom_values[1] = -1;
  EXPECT_EQ(Fault(h), "custom buckets: previous bound is -1.000000 and current is -1.000000: "
                      "histogram custom bounds must be in strictly increasing order");
  h = good;
  h.custom_values[2] = std::numeric_limits<double>::infinity();
  EXPECT_EQ(Fault(h), "custom buckets: last +Inf bound must not be explicitly defined: histogram "
                      "custom bounds must be finite");
  h = good;
  h.custom_values = {1, 2};
  EXPECT_EQ(Fault(h), "custom buckets: only 2 custom bounds defined which is insufficient to cover "
                      "total span length of 4: histogram custom bounds are too few");
  h = good;
  h.zero_count = 1;
  EXPECT_EQ(Fault(h), "custom buckets: must have zero count of 0");
  h = good;
  h.negative_spans = {{0, 0}};
  EXPECT_EQ(Fault(h), "custom buckets: must not have negative spans");
}

TEST(HistogramModel, SameBitsLooksAtBits) {
  Histogram a = Good(), b = Good();
  EXPECT_TRUE(SameBits(a, b));
  b.hint = ResetHint::kGauge;
  EXPECT_TRUE(SameBits(a, b));
  a.sum = 0, b.sum = -0.0;
  EXPECT_FALSE(SameBits(a, b));
  a.sum = b.sum = NormalNan();
  EXPECT_TRUE(SameBits(a, b));
  EXPECT_FALSE(SameBits(AnyHistogram(a), AnyHistogram(ToFloat(a))));
}

TEST(HistogramModel, ACoarserSchemaPutsBucketsTogether) {
  Histogram h;
  h.schema = 9;
  h.positive_spans = {{0, 4}, {2, 2}};  // 0 1 2 3 6 7
  h.positive_buckets = {1, 1, 1, 1, 1, 1};  // 1 2 3 4 5 6
  h.count = 21;
  ASSERT_TRUE(h.ReduceResolution(8).ok());
  // 0; 1 and 2; 3; 6; 7
  EXPECT_EQ(h.positive_spans, (std::vector<Span>{{0, 5}}));
  EXPECT_EQ(h.positive_buckets, (std::vector<int64_t>{1, 4, -1, 1, 1}));
  EXPECT_EQ(h.schema, 8);
  EXPECT_EQ(Fault(h), "");
  EXPECT_FALSE(h.ReduceResolution(8).ok());
}

TEST(HistogramModel, RandomOnesAreValid) {
  for (uint32_t seed = 1; seed <= 8; ++seed) {
    testing_support::RandomHistogram source(seed, seed % 2, seed % 3 == 0, seed % 4 == 0);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(Fault(source.Next()), "");
  }
}

}  // namespace
}  // namespace model
