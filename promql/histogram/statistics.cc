#include "promql/histogram/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "promql/histogram/buckets.h"
#include "promql/kernels/neumaier.h"

namespace promql::histogram {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// With observations on one side of zero only, the zero bucket reaches no further than zero.
void CutAtZero(const model::FloatHistogram& h, Bounds* bounds) {
  if (h.negative_buckets.empty() && !h.positive_buckets.empty()) {
    bounds->lower = 0;
  } else if (h.positive_buckets.empty() && !h.negative_buckets.empty()) {
    bounds->upper = 0;
  }
}

// Somewhere inside exponential buckets, whose logarithms are evenly spread.
double InterpolateExponentially(const Bounds& bounds, double fraction) {
  const double lower = std::log2(std::fabs(bounds.lower));
  const double upper = std::log2(std::fabs(bounds.upper));
  if (bounds.lower > 0) return std::exp2(lower + (upper - lower) * fraction);
  return -std::exp2(upper + (lower - upper) * (1 - fraction));
}

}  // namespace

double Quantile(double q, const model::FloatHistogram& h, NanEffect* effect) {
  *effect = NanEffect::kNone;
  if (q < 0) return -kInf;
  if (q > 1) return kInf;
  if (h.count == 0 || std::isnan(q)) return model::NormalNan();

  // From the nearer end; but NaN observations are above all buckets, so the upper end is unknown.
  const bool nan_sum = std::isnan(h.sum);
  const bool forward = nan_sum || q < 0.5;
  std::vector<BucketCell> buckets = AllBuckets(h);
  if (!forward) std::reverse(buckets.begin(), buckets.end());
  double rank = (forward ? q : 1 - q) * h.count;
  double count = 0;
  size_t next = 0;
  const BucketCell* bucket = nullptr;
  while (next < buckets.size()) {
    bucket = &buckets[next++];
    if (bucket->count == 0) continue;
    count += bucket->count;
    if (count >= rank) break;
  }
  Bounds bounds;
  double bucket_count = 0;
  if (bucket != nullptr) {
    bounds = BoundsOf(h, *bucket);
    bucket_count = bucket->count;
  }

  if (h.custom()) {
    if (bounds.lower == -kInf) {
      if (bounds.upper <= 0) return bounds.upper;
      bounds.lower = 0;
    } else if (bounds.upper == kInf) {
      return bounds.lower;
    }
  } else if (bounds.lower < 0 && bounds.upper > 0) {
    CutAtZero(h, &bounds);
  }
  if (count > h.count) count = h.count;  // By rounding.
  if (count < rank) {
    if (!nan_sum) return bounds.upper;
    *effect = NanEffect::kIsNan;
    return model::NormalNan();
  }
  rank = forward ? rank - (count - bucket_count) : count - rank;
  if (nan_sum) {
    // Infinities of both signs make the sum NaN too; then nothing is missing from the buckets.
    // Prometheus goes on with the last bucket it looked at here, and so do we.
    for (; next < buckets.size(); ++next) {
      bounds = BoundsOf(h, buckets[next]);
      bucket_count = buckets[next].count;
      count += bucket_count;
    }
    if (count < h.count) *effect = NanEffect::kSkewed;
  }
  const double fraction = rank / bucket_count;
  if (h.custom() || (bounds.lower <= 0 && bounds.upper >= 0)) {
    return bounds.lower + (bounds.upper - bounds.lower) * fraction;
  }
  return InterpolateExponentially(bounds, fraction);
}

double Fraction(double lower, double upper, const model::FloatHistogram& h, NanEffect* effect) {
  *effect = NanEffect::kNone;
  if (h.count == 0 || std::isnan(lower) || std::isnan(upper)) return model::NormalNan();
  if (lower >= upper) return 0;

  const std::vector<BucketCell> buckets = AllBuckets(h);
  double rank = 0;     // Observations before the bucket.
  double counted = 0;  // Those of the buckets looked at.
  double lower_rank = 0, upper_rank = 0;
  bool lower_set = false, upper_set = false;
  size_t next = 0;
  while (next < buckets.size()) {
    const BucketCell& bucket = buckets[next++];
    counted += bucket.count;
    Bounds bounds = BoundsOf(h, bucket);
    const bool around_zero = bounds.lower <= 0 && bounds.upper >= 0;
    if (around_zero) CutAtZero(h, &bounds);
    const auto rank_at = [&](double v) {
      if (!h.custom() && !around_zero) return rank + bucket.count * FractionBelow(bounds, v, false);
      if (bounds.lower == -kInf) return bucket.count;
      return rank + bucket.count * FractionBelow(bounds, v, true);
    };
    const auto set = [&](double v, double* at, bool* done) {
      if (*done) return;
      if (bounds.lower >= v) {
        *at = rank;
        *done = true;
      }
    };
    const auto set_inside = [&](double v, double* at, bool* done) {
      if (*done || !(bounds.lower < v && bounds.upper > v)) return;
      *at = rank_at(v);
      *done = true;
    };
    set(lower, &lower_rank, &lower_set);
    set(upper, &upper_rank, &upper_set);
    if (lower_set && upper_set) break;
    set_inside(lower, &lower_rank, &lower_set);
    set_inside(upper, &upper_rank, &upper_set);
    if (lower_set && upper_set) break;
    rank += bucket.count;
  }
  if (std::isnan(h.sum)) {
    for (; next < buckets.size(); ++next) counted += buckets[next].count;
    if (counted < h.count) *effect = NanEffect::kExcluded;
  } else {
    counted = h.count;
  }
  if (!lower_set || lower_rank > counted) lower_rank = counted;
  if (!upper_set || upper_rank > counted) upper_rank = counted;
  return (upper_rank - lower_rank) / h.count;
}

double Variance(const model::FloatHistogram& h) {
  const double mean = h.sum / h.count;
  double variance = 0, lost = 0;
  for (const BucketCell& bucket : AllBuckets(h)) {
    if (bucket.count == 0) continue;
    const Bounds bounds = BoundsOf(h, bucket);
    double middle = 0;
    if (h.custom()) {
      middle = (bounds.upper + bounds.lower) / 2;
    } else if (bounds.lower > 0 || bounds.upper < 0) {
      middle = std::sqrt(bounds.upper * bounds.lower);
      if (bounds.upper < 0) middle = -middle;
    }
    const double delta = middle - mean;
    kernels::AddCompensated(bucket.count * delta * delta, variance, lost);
  }
  return (variance + lost) / h.count;
}

}  // namespace promql::histogram
