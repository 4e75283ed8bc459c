#include "promql/histogram/counter_reset.h"

#include <bit>
#include <cstring>
#include <limits>

#include "promql/histogram/buckets.h"
#include "promql/histogram/zero_bucket.h"
#include "storage/model/bucket_bounds.h"

namespace promql::histogram {
namespace {

struct Count {
  int64_t index = 0;
  double count = 0;
};

// One side in the buckets of `schema`, without those that end within `threshold`.
std::vector<Count> CountsOf(const model::FloatHistogram& h, Side side, int32_t schema,
                            double threshold) {
  const bool positive = side == Side::kPositive;
  const std::vector<double>& buckets = positive ? h.positive_buckets : h.negative_buckets;
  const int by = h.schema - schema;
  std::vector<Count> counts;
  counts.reserve(buckets.size());
  ForEachIndex(positive ? h.positive_spans : h.negative_spans, buckets.size(),
               [&](int64_t index, size_t i) {
                 if (by > 0) index = ((index - 1) >> by) + 1;
                 if (!counts.empty() && counts.back().index == index) {
                   counts.back().count += buckets[i];
                 } else {
                   counts.push_back({index, buckets[i]});
                 }
                 return true;
               });
  if (threshold == 0 || schema == model::kCustomBuckets) return counts;
  size_t within = 0;
  while (within < counts.size() &&
         model::BucketBound(static_cast<int32_t>(counts[within].index), schema, {}) <= threshold) {
    ++within;
  }
  counts.erase(counts.begin(), counts.begin() + static_cast<int64_t>(within));
  return counts;
}

// Whether any bucket of `before` counts more than that of `now`.
bool AnyFell(const std::vector<Count>& before, const std::vector<Count>& now) {
  size_t at = 0;
  for (const Count& b : before) {
    while (at < now.size() && now[at].index < b.index) ++at;
    if (at == now.size() || now[at].index > b.index) {
      if (b.count != 0) return true;
    } else if (now[at].count < b.count) {
      return true;
    }
  }
  return false;
}

// The same over the bounds that both have.
bool AnyFellByBounds(const model::FloatHistogram& before, const model::FloatHistogram& now) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const auto bound_at = [](const model::FloatHistogram& h, size_t i) {
    return i < h.custom_values.size() ? h.custom_values[i] : kInf;
  };
  const std::vector<Count> before_counts =
      CountsOf(before, Side::kPositive, model::kCustomBuckets, 0);
  const std::vector<Count> now_counts = CountsOf(now, Side::kPositive, model::kCustomBuckets, 0);
  size_t before_at = 0, now_at = 0;
  const auto sum_to = [&](const model::FloatHistogram& h, const std::vector<Count>& counts,
                          double bound, size_t* at) {
    double sum = 0;
    while (*at < counts.size() &&
           bound_at(h, static_cast<size_t>(counts[*at].index)) <= bound) {
      sum += counts[(*at)++].count;
    }
    return sum;
  };
  for (size_t b = 0, n = 0; b <= before.custom_values.size() && n <= now.custom_values.size();) {
    const double before_bound = bound_at(before, b), now_bound = bound_at(now, n);
    if (before_bound == now_bound) {
      if (sum_to(now, now_counts, now_bound, &now_at) <
          sum_to(before, before_counts, now_bound, &before_at)) {
        return true;
      }
      ++b, ++n;
    } else if (now_bound < before_bound) {
      ++n;
    } else {
      ++b;
    }
  }
  return false;
}

bool SameBits(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

bool SameSide(const std::vector<model::Span>& spans_a, const std::vector<double>& a,
              const std::vector<model::Span>& spans_b, const std::vector<double>& b) {
  if (a.size() != b.size()) return false;
  if (!a.empty() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) != 0) return false;
  if (spans_a == spans_b) return true;
  std::vector<int64_t> indices;
  indices.reserve(a.size());
  ForEachIndex(spans_a, a.size(), [&](int64_t index, size_t) {
    indices.push_back(index);
    return true;
  });
  bool same = true;
  ForEachIndex(spans_b, b.size(),
               [&](int64_t index, size_t i) { return same = indices[i] == index; });
  return same;
}

}  // namespace

bool IsReset(const model::FloatHistogram& before, const model::FloatHistogram& now) {
  if (now.hint == model::ResetHint::kReset) return true;
  if (now.hint == model::ResetHint::kNotReset) return false;
  if (now.count < before.count) return true;
  if (now.custom()) {
    if (!before.custom()) return true;
    if (now.custom_values != before.custom_values) return AnyFellByBounds(before, now);
  }
  if (now.schema > before.schema) return true;
  if (now.zero_threshold < before.zero_threshold) return true;
  const ZeroBucket zero = WidenedZeroBucket(before, now.zero_threshold, nullptr);
  if (zero.threshold != now.zero_threshold) return true;  // Into the middle of a bucket.
  if (now.zero_count < zero.count) return true;
  for (const Side side : {Side::kPositive, Side::kNegative}) {
    if (AnyFell(CountsOf(before, side, now.schema, now.zero_threshold),
                CountsOf(now, side, now.schema, now.zero_threshold))) {
      return true;
    }
  }
  return false;
}

bool Equal(const model::FloatHistogram& a, const model::FloatHistogram& b) {
  if (a.schema != b.schema || !SameBits(a.count, b.count) || !SameBits(a.sum, b.sum)) return false;
  if (a.custom() && a.custom_values != b.custom_values) return false;
  return a.zero_threshold == b.zero_threshold && SameBits(a.zero_count, b.zero_count) &&
         SameSide(a.negative_spans, a.negative_buckets, b.negative_spans, b.negative_buckets) &&
         SameSide(a.positive_spans, a.positive_buckets, b.positive_spans, b.positive_buckets);
}

}  // namespace promql::histogram
