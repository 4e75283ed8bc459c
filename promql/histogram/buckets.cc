#include "promql/histogram/buckets.h"

#include <algorithm>
#include <cmath>

#include "storage/model/bucket_bounds.h"

namespace promql::histogram {

std::vector<BucketCell> AllBuckets(const model::FloatHistogram& h) {
  std::vector<BucketCell> buckets;
  buckets.reserve(h.negative_buckets.size() + h.positive_buckets.size() + 1);
  ForEachIndex(h.negative_spans, h.negative_buckets.size(), [&](int64_t index, size_t i) {
    buckets.push_back({Side::kNegative, static_cast<int32_t>(index), h.negative_buckets[i]});
    return true;
  });
  std::reverse(buckets.begin(), buckets.end());
  if (h.zero_count > 0) buckets.push_back({Side::kZero, 0, h.zero_count});
  ForEachIndex(h.positive_spans, h.positive_buckets.size(), [&](int64_t index, size_t i) {
    buckets.push_back({Side::kPositive, static_cast<int32_t>(index), h.positive_buckets[i]});
    return true;
  });
  return buckets;
}

Bounds SchemaBounds(const model::FloatHistogram& h, Side side, int32_t index) {
  if (side == Side::kZero) return {-h.zero_threshold, h.zero_threshold};
  const double upper = model::BucketBound(index, h.schema, h.custom_values);
  const double lower = model::BucketBound(index - 1, h.schema, h.custom_values);
  if (side == Side::kPositive) return {lower, upper};
  return {-upper, -lower};
}

Bounds BoundsOf(const model::FloatHistogram& h, const BucketCell& bucket) {
  Bounds bounds = SchemaBounds(h, bucket.side, bucket.index);
  if (bucket.side == Side::kZero) return bounds;
  const double zero = h.zero_threshold;
  if (bounds.upper < 0 && bounds.upper > -zero) {
    bounds.upper = -zero;
  } else if (bounds.lower > 0 && bounds.lower < zero) {
    bounds.lower = zero;
  }
  return bounds;
}

double FractionBelow(const Bounds& bounds, double v, bool linear) {
  if (linear) return (v - bounds.lower) / (bounds.upper - bounds.lower);
  const double lower = std::log2(std::fabs(bounds.lower));
  const double upper = std::log2(std::fabs(bounds.upper));
  const double at = std::log2(std::fabs(v));
  if (v > 0) return (at - lower) / (upper - lower);
  return 1 - (at - upper) / (lower - upper);
}

}  // namespace promql::histogram
