// Texts are Prometheus' own test cases where it has them.
#include "storage/model/histogram_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "storage/model/bucket_bounds.h"

namespace model {
namespace {

TEST(HistogramText, FloatsWithBothSides) {
  FloatHistogram h;
  h.schema = 1;
  h.zero_threshold = 0.01;
  h.zero_count = 5.5;
  h.count = 3493.3;
  h.sum = 2349209.324;
  h.positive_spans = {{-2, 1}, {2, 3}};
  h.positive_buckets = {1, 3.3, 4.2, 0.1};
  h.negative_spans = {{3, 2}, {3, 2}};
  h.negative_buckets = {3.1, 3, 1.234e5, 1000};
  EXPECT_EQ(ToString(h),
            "{count:3493.3, sum:2.349209324e+06, [-22.62741699796952,-16):1000, "
            "[-16,-11.31370849898476):123400, [-4,-2.82842712474619):3, [-2.82842712474619,-2):3.1, "
            "[-0.01,0.01]:5.5, (0.35355339059327373,0.5]:1, (1,1.414213562373095]:3.3, "
            "(1.414213562373095,2]:4.2, (2,2.82842712474619]:0.1}");
}

TEST(HistogramText, IntegersLeaveOutEmptyBuckets) {
  Histogram h;
  EXPECT_EQ(ToString(h), "{count:0, sum:0}");
  h.count = 19;
  h.sum = 2.7;
  h.positive_spans = {{0, 4}, {0, 0}, {0, 3}};
  h.positive_buckets = {1, 2, -2, 1, -1, 0, 0};
  h.negative_spans = {{0, 5}, {1, 0}, {0, 1}};
  h.negative_buckets = {1, 2, -2, 1, -1, 0};
  EXPECT_EQ(ToString(h),
            "{count:19, sum:2.7, [-64,-32):1, [-16,-8):1, [-8,-4):2, [-4,-2):1, [-2,-1):3, "
            "[-1,-0.5):1, (0.5,1]:1, (1,2]:3, (2,4]:1, (4,8]:2, (8,16]:1, (16,32]:1, (32,64]:1}");
  h.positive_spans = {{0, 2}};
  h.positive_buckets = {3, -3};
  h.negative_spans.clear(), h.negative_buckets.clear();
  EXPECT_EQ(ToString(h), "{count:19, sum:2.7, (0.5,1]:3}");
}

TEST(HistogramText, CustomBuckets) {
  Histogram h;
  h.schema = kCustomBuckets;
  h.count = 19;
  h.sum = 2.7;
  h.positive_spans = {{0, 4}, {0, 0}, {0, 3}};
  h.positive_buckets = {1, 2, -2, 1, -1, 0, 0};
  h.custom_values = {1, 2, 5, 10, 15, 20, 25, 50};
  EXPECT_EQ(ToString(h),
            "{count:19, sum:2.7, [-Inf,1]:1, (1,2]:3, (2,5]:1, (5,10]:2, (10,15]:1, (15,20]:1, "
            "(20,25]:1}");
  h.custom_values = {1, 2, 5, 10, 15, 20};
  EXPECT_THAT(ToString(h), testing::HasSubstr("(20,+Inf]:1}"));
}

TEST(BucketBounds, CoarserSchemasAreAmongTheFinerOnes) {
  for (int schema = -4; schema < 8; ++schema) {
    for (int index = -40; index < 40; ++index) {
      EXPECT_EQ(BucketBound(index, schema, {}), BucketBound(2 * index, schema + 1, {}));
    }
  }
  for (int index = -600; index < 600; ++index) {
    EXPECT_NEAR(BucketBound(index, 8, {}) / std::exp2(index / 256.0), 1, 1e-15);
  }
}

TEST(BucketBounds, TheLastFiniteBucketEndsWithTheNumbers) {
  for (int schema = -4; schema <= 8; ++schema) {
    const int last = schema < 0 ? 1024 >> -schema : 1024 << schema;
    EXPECT_EQ(BucketBound(last, schema, {}), std::numeric_limits<double>::max());
    EXPECT_TRUE(std::isinf(BucketBound(last + 1, schema, {})));
    EXPECT_TRUE(std::isfinite(BucketBound(last - 1, schema, {})));
  }
  for (const int schema : {-9, -4, 0, 8}) {
    EXPECT_TRUE(std::isinf(BucketBound(INT32_MAX, schema, {})));
    EXPECT_EQ(BucketBound(INT32_MIN, schema, {}), 0);
  }
}

}  // namespace
}  // namespace model
