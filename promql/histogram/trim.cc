#include "promql/histogram/trim.h"

#include <cmath>
#include <limits>

#include "promql/histogram/arithmetic.h"
#include "promql/histogram/buckets.h"

namespace promql::histogram {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

struct Kept {
  double count = 0;
  double middle = 0;  // Where the observations are taken to be.
};

double Middle(double lower, double upper, bool positive, bool linear) {
  if (std::isinf(lower)) {
    if (std::isinf(upper)) return 0;
    return upper > 0 ? upper / 2 : upper;
  }
  if (std::isinf(upper)) return lower;
  if (linear) return (lower + upper) / 2;
  const double mean = std::sqrt(std::fabs(lower * upper));
  return positive ? mean : -mean;
}

double ZeroIfInfinite(double v) { return std::isinf(v) ? 0 : v; }

// Of a bucket that reaches to an infinity: how its observations are spread nobody knows.
Kept TrimInfinite(Keep keep, double value, const Bounds& b, double count) {
  if (b.lower == -kInf) {
    const bool natural_zero = b.upper > 0 && !std::isinf(b.upper);  // Taken to begin at zero.
    if (keep == Keep::kBelow) {
      if (value >= b.upper) return {count, 0};
      if (value > 0 && natural_zero) return {count * value / b.upper, value / 2};
      if (b.upper <= 0) return {count, value};
      return {0, ZeroIfInfinite(b.upper)};
    }
    if (value <= b.lower) return {count, 0};
    if (value >= 0 && b.upper > value && !std::isinf(b.upper)) {
      return {count * (1 - value / b.upper), (value + b.upper) / 2};
    }
    return {0, ZeroIfInfinite(b.upper)};
  }
  if (keep == Keep::kAbove && value >= b.lower) return {count, value};
  return {0, ZeroIfInfinite(b.lower)};
}

Kept TrimInside(Keep keep, double value, const Bounds& b, double count, bool positive,
                bool linear) {
  if (b.lower == -kInf || b.upper == kInf) return TrimInfinite(keep, value, b, count);
  const double below = value <= b.lower   ? 0
                       : value >= b.upper ? count
                                          : count * FractionBelow(b, value, linear);
  if (keep == Keep::kBelow) return {below, Middle(b.lower, value, positive, linear)};
  return {count - below, Middle(value, b.upper, positive, linear)};
}

Kept TrimZero(Keep keep, double value, const Bounds& b, double count) {
  if (value <= b.lower) {
    return keep == Keep::kBelow ? Kept{} : Kept{count, (b.lower + b.upper) / 2};
  }
  if (value >= b.upper) {
    return keep == Keep::kAbove ? Kept{} : Kept{count, (b.lower + b.upper) / 2};
  }
  const double width = b.upper - b.lower;
  if (keep == Keep::kBelow) {
    return {count * ((value - b.lower) / width), (b.lower + value) / 2};
  }
  return {count * ((b.upper - value) / width), (value + b.upper) / 2};
}

struct Totals {
  double count = 0, sum = 0;
  bool trimmed = false;
};

// Whether there was anything on this side.
bool TrimSide(Keep keep, double value, Side side, model::FloatHistogram* h, Totals* totals) {
  const bool positive = side == Side::kPositive;
  std::vector<double>& counts = positive ? h->positive_buckets : h->negative_buckets;
  bool any = false;
  ForEachIndex(positive ? h->positive_spans : h->negative_spans, counts.size(),
               [&](int64_t index, size_t i) {
                 double& count = counts[i];
                 if (count == 0) return true;
                 any = true;
                 const Bounds b = SchemaBounds(*h, side, static_cast<int32_t>(index));
                 const bool whole = keep == Keep::kBelow ? b.upper <= value : b.lower >= value;
                 const bool part = keep == Keep::kBelow ? b.lower < value : b.upper > value;
                 Kept kept;
                 if (whole) {
                   kept = {count, Middle(b.lower, b.upper, positive, h->custom())};
                 } else if (part) {
                   kept = TrimInside(keep, value, b, count, positive, h->custom());
                 }
                 totals->trimmed |= kept.count != count || (!whole && !part);
                 if (whole || part) {
                   totals->count += kept.count;
                   totals->sum += kept.middle * kept.count;
                 }
                 count = kept.count;
                 return true;
               });
  return any;
}

}  // namespace

void Trim(Keep keep, double value, model::FloatHistogram* h) {
  Totals totals;
  const bool positive = TrimSide(keep, value, Side::kPositive, h, &totals);
  const bool negative = TrimSide(keep, value, Side::kNegative, h, &totals);
  if (h->zero_count > 0) {
    Bounds b = SchemaBounds(*h, Side::kZero, 0);
    if (negative && !positive) b.upper = 0;
    if (positive && !negative) b.lower = 0;
    const Kept kept = TrimZero(keep, value, b, h->zero_count);
    totals.trimmed |= kept.count != h->zero_count;
    totals.sum += kept.middle * kept.count;
    totals.count += kept.count;
    h->zero_count = kept.count;
  }
  if (!totals.trimmed) return;
  h->count = totals.count;
  h->sum = totals.sum;
  Compact(h);
}

}  // namespace promql::histogram
