#include "tests/promql/slow_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <variant>

#include "storage/model/bucket_bounds.h"

namespace promql {
namespace {

double Bound(const SlowHistogram& h, int64_t index) {
  return model::BucketBound(static_cast<int32_t>(index), h.schema, h.bounds);
}

struct Bucket {
  double lower, upper, count;
  int sign;  // -1, 0 for the zero bucket, 1
};

// From the lowest up.
std::vector<Bucket> Buckets(const SlowHistogram& h) {
  std::vector<Bucket> all;
  for (const auto& [i, n] : h.negative) all.push_back({-Bound(h, i), -Bound(h, i - 1), n, -1});
  std::reverse(all.begin(), all.end());
  if (h.zero_count > 0) all.push_back({-h.zero_threshold, h.zero_threshold, h.zero_count, 0});
  for (const auto& [i, n] : h.positive) all.push_back({Bound(h, i - 1), Bound(h, i), n, 1});
  return all;
}

std::map<int64_t, double> From(const std::vector<model::Span>& spans,
                               const std::vector<double>& counts) {
  std::map<int64_t, double> out;
  int64_t index = 0;
  size_t i = 0;
  for (const model::Span& span : spans) {
    index += span.offset;
    for (uint32_t k = 0; k < span.length; ++k) out[index++] = counts[i++];
  }
  return out;
}

void To(const std::map<int64_t, double>& side, std::vector<model::Span>* spans,
        std::vector<double>* counts) {
  int64_t end = 0;
  for (const auto& [index, n] : side) {
    if (n == 0) continue;
    spans->push_back({static_cast<int32_t>(index - end), 1});
    counts->push_back(n);
    end = index + 1;
  }
}

// A zero bucket that reaches to `threshold` at least, and never into the middle of a bucket with
// something in it. What it reaches over is its own from then on.
void Widen(SlowHistogram* h, double threshold) {
  if (threshold == h->zero_threshold) return;
  for (bool moved = true; moved;) {
    moved = false;
    for (const auto* side : {&h->positive, &h->negative}) {
      for (const auto& [i, n] : *side) {
        if (n == 0 || Bound(*h, i - 1) >= threshold || Bound(*h, i) <= threshold) continue;
        threshold = Bound(*h, i);
        moved = true;
      }
    }
  }
  h->zero_threshold = threshold;
  for (auto* side : {&h->positive, &h->negative}) {
    std::erase_if(*side, [&](const auto& bucket) {
      if (Bound(*h, bucket.first - 1) >= threshold) return false;
      h->zero_count += bucket.second;
      return true;
    });
  }
}

SlowHistogram ToBounds(const SlowHistogram& h, const std::vector<double>& bounds) {
  SlowHistogram out = h;
  out.positive.clear();
  out.bounds = bounds;
  for (const auto& [i, n] : h.positive) {
    const double upper = Bound(h, i);
    const auto at = std::lower_bound(bounds.begin(), bounds.end(), upper) - bounds.begin();
    out.positive[at] += n;
  }
  return out;
}

std::vector<double> InBoth(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> both;
  for (const double x : a) {
    if (std::find(b.begin(), b.end(), x) != b.end()) both.push_back(x);
  }
  return both;
}

// A bucket around zero is of one side only, if the other is not in use.
void CutZero(const SlowHistogram& h, Bucket* b) {
  if (h.negative.empty() && !h.positive.empty()) b->lower = 0;
  if (h.positive.empty() && !h.negative.empty()) b->upper = 0;
}

// How much of a bucket, with finite bounds, lies below v.
double Below(const SlowHistogram& h, const Bucket& b, double v) {
  if (v <= b.lower) return 0;
  if (v >= b.upper) return 1;
  if (h.custom() || b.sign == 0) return (v - b.lower) / (b.upper - b.lower);
  const double low = std::log2(std::fabs(b.lower)), high = std::log2(std::fabs(b.upper));
  return (std::log2(std::fabs(v)) - low) / (high - low);
}

double Middle(const SlowHistogram& h, double lower, double upper, int sign) {
  if (std::isinf(lower) && std::isinf(upper)) return 0;
  if (std::isinf(lower)) return upper > 0 ? upper / 2 : upper;
  if (std::isinf(upper)) return lower;
  if (h.custom() || sign == 0) return (lower + upper) / 2;
  return sign * std::sqrt(std::fabs(lower * upper));
}

}  // namespace

SlowHistogram FromModel(const model::AnyHistogram& any) {
  const model::FloatHistogram h = std::holds_alternative<model::Histogram>(any)
                                      ? model::ToFloat(std::get<model::Histogram>(any))
                                      : std::get<model::FloatHistogram>(any);
  return {h.hint,  h.schema, h.zero_threshold, h.zero_count,
          h.count, h.sum,    From(h.positive_spans, h.positive_buckets),
          From(h.negative_spans, h.negative_buckets), h.custom_values};
}

model::FloatHistogram ToModel(const SlowHistogram& h) {
  model::FloatHistogram out;
  out.hint = h.hint;
  out.schema = h.schema;
  out.zero_threshold = h.zero_threshold;
  out.zero_count = h.zero_count;
  out.count = h.count;
  out.sum = h.sum;
  out.custom_values = h.bounds;
  To(h.positive, &out.positive_spans, &out.positive_buckets);
  To(h.negative, &out.negative_spans, &out.negative_buckets);
  return out;
}

SlowHistogram Scaled(SlowHistogram h, double factor) {
  h.zero_count *= factor, h.count *= factor, h.sum *= factor;
  for (auto* side : {&h.positive, &h.negative}) {
    for (auto& [i, n] : *side) n *= factor;
  }
  if (factor < 0) h.hint = model::ResetHint::kGauge;
  return h;
}

SlowHistogram Divided(SlowHistogram h, double by) {
  h.zero_count /= by, h.count /= by, h.sum /= by;
  for (auto* side : {&h.positive, &h.negative}) {
    if (by == 0) side->clear();
    for (auto& [i, n] : *side) n /= by;
  }
  if (by < 0) h.hint = model::ResetHint::kGauge;
  return h;
}

SlowHistogram Compacted(SlowHistogram h) {
  for (auto* side : {&h.positive, &h.negative}) {
    std::erase_if(*side, [](const auto& bucket) { return bucket.second == 0; });
  }
  return h;
}

SlowHistogram Coarser(SlowHistogram h, int schema) {
  if (h.custom() || schema >= h.schema) return h;
  const double width = std::exp2(h.schema - schema);
  for (auto* side : {&h.positive, &h.negative}) {
    std::map<int64_t, double> merged;
    for (const auto& [i, n] : *side) {
      merged[static_cast<int64_t>(std::ceil(static_cast<double>(i) / width))] += n;
    }
    *side = std::move(merged);
  }
  h.schema = schema;
  return h;
}

std::optional<SlowHistogram> Added(SlowHistogram a, SlowHistogram b, double sign) {
  if (a.custom() != b.custom()) return std::nullopt;
  using model::ResetHint;
  if (a.hint != b.hint) {
    const bool gauge = a.hint == ResetHint::kGauge || b.hint == ResetHint::kGauge;
    a.hint = gauge ? ResetHint::kGauge : ResetHint::kUnknown;
  }
  if (a.custom()) {
    if (a.bounds != b.bounds) {
      const std::vector<double> both = InBoth(a.bounds, b.bounds);
      a = ToBounds(a, both), b = ToBounds(b, both);
    }
  } else {
    // The buckets of b stay as they are: merged with others, they may count twice.
    SlowHistogram wide = b;
    while (a.zero_threshold != wide.zero_threshold) {
      const double wider = std::max(a.zero_threshold, wide.zero_threshold);
      Widen(&a, wider), Widen(&wide, wider);
    }
    b.zero_threshold = wide.zero_threshold, b.zero_count = wide.zero_count;
    const int schema = std::min(a.schema, b.schema);
    a = Coarser(std::move(a), schema), b = Coarser(std::move(b), schema);
  }
  a.count += sign * b.count, a.sum += sign * b.sum, a.zero_count += sign * b.zero_count;
  // What lies within the zero bucket although it should not is lost.
  const auto lost = [&](int64_t i) { return !a.custom() && Bound(a, i) <= a.zero_threshold; };
  for (const auto& [i, n] : b.positive) {
    if (!lost(i)) a.positive[i] += sign * n;
  }
  for (const auto& [i, n] : b.negative) {
    if (!lost(i)) a.negative[i] += sign * n;
  }
  return a;
}

SlowHistogram Trimmed(SlowHistogram h, double at, bool keep_below) {
  constexpr double kInf = INFINITY;
  const auto any = [](const std::map<int64_t, double>& side) {
    return std::any_of(side.begin(), side.end(), [](const auto& b) { return b.second != 0; });
  };
  const bool positive = any(h.positive), negative = any(h.negative);
  double count = 0, sum = 0;
  bool trimmed = false;
  // The count that is left of a bucket.
  const auto trim = [&](Bucket b) {
    if (b.count == 0) return 0.0;
    double left = 0, middle = 0;
    const bool whole = keep_below ? b.upper <= at : b.lower >= at;
    const bool outside = !(keep_below ? b.lower < at : b.upper > at);
    if (whole) {
      left = b.count, middle = Middle(h, b.lower, b.upper, b.sign);
    } else if (!outside && b.lower == -kInf && b.upper < kInf && b.upper > 0 && at >= 0 &&
               (at > 0 || !keep_below)) {
      // Custom buckets begin at zero where they may.
      left = keep_below ? b.count * at / b.upper : b.count * (1 - at / b.upper);
      middle = keep_below ? at / 2 : (at + b.upper) / 2;
    } else if (!outside && b.lower == -kInf) {
      left = keep_below && b.upper <= 0 ? b.count : 0;
      middle = at;
    } else if (!outside && b.upper == kInf) {
      left = keep_below ? 0 : b.count;
      middle = at;
    } else if (!outside) {
      const double below = b.count * Below(h, b, at);
      left = keep_below ? below : b.count - below;
      middle = keep_below ? Middle(h, b.lower, at, b.sign) : Middle(h, at, b.upper, b.sign);
    }
    count += left, sum += left * middle;
    trimmed |= left != b.count;
    return left;
  };
  SlowHistogram out = h;
  for (auto& [i, n] : out.positive) n = trim({Bound(h, i - 1), Bound(h, i), n, 1});
  for (auto& [i, n] : out.negative) n = trim({-Bound(h, i), -Bound(h, i - 1), n, -1});
  if (h.zero_count > 0) {
    Bucket zero{-h.zero_threshold, h.zero_threshold, h.zero_count, 0};
    if (negative && !positive) zero.upper = 0;
    if (positive && !negative) zero.lower = 0;
    // Of a bucket without width what lies at its only value goes with the other side.
    if (std::isnan(at)) {
      out.zero_count = count = sum = NAN, trimmed = true;
    } else if (at <= zero.lower) {
      const double left = keep_below ? 0 : zero.count;
      count += left, sum += left * (zero.lower + zero.upper) / 2, trimmed |= keep_below;
      out.zero_count = left;
    } else {
      out.zero_count = trim(zero);
    }
  }
  if (!trimmed) return h;
  out.count = count, out.sum = sum;
  return Compacted(std::move(out));
}

bool SameHistogram(const SlowHistogram& a, const SlowHistogram& b) {
  const auto same = [](double x, double y) {
    return std::bit_cast<uint64_t>(x) == std::bit_cast<uint64_t>(y);
  };
  const auto same_side = [&](const std::map<int64_t, double>& x,
                             const std::map<int64_t, double>& y) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), [&](const auto& p, const auto& q) {
      return p.first == q.first && same(p.second, q.second);
    });
  };
  return a.schema == b.schema && same(a.count, b.count) && same(a.sum, b.sum) &&
         a.zero_threshold == b.zero_threshold && same(a.zero_count, b.zero_count) &&
         same_side(a.positive, b.positive) && same_side(a.negative, b.negative) &&
         a.bounds == b.bounds;
}

bool WasReset(const SlowHistogram& before, const SlowHistogram& now) {
  if (now.hint == model::ResetHint::kReset) return true;
  if (now.hint == model::ResetHint::kNotReset) return false;
  if (now.count < before.count || now.custom() != before.custom()) return true;
  SlowHistogram was = before, is = now;
  if (now.custom()) {
    if (now.bounds != before.bounds) {
      const std::vector<double> both = InBoth(now.bounds, before.bounds);
      was = ToBounds(was, both), is = ToBounds(is, both);
    }
  } else {
    if (is.schema > was.schema || is.zero_threshold < was.zero_threshold) return true;
    Widen(&was, is.zero_threshold);
    if (was.zero_threshold != is.zero_threshold || is.zero_count < was.zero_count) return true;
    was = Coarser(std::move(was), is.schema);
  }
  const auto fell = [](const std::map<int64_t, double>& a, const std::map<int64_t, double>& b) {
    return std::any_of(a.begin(), a.end(), [&](const auto& bucket) {
      const auto found = b.find(bucket.first);
      return found == b.end() ? bucket.second != 0 : bucket.second > found->second;
    });
  };
  return fell(was.positive, is.positive) || fell(was.negative, is.negative);
}

double Figure(std::string_view function, const SlowHistogram& h) {
  if (function == "histogram_count") return h.count;
  if (function == "histogram_sum") return h.sum;
  const double mean = h.sum / h.count;
  if (function == "histogram_avg") return mean;
  double squares = 0;
  for (const Bucket& b : Buckets(h)) {
    if (b.count == 0) continue;
    double lower = b.lower, upper = b.upper;
    if (b.sign > 0 && !h.custom()) lower = std::max(lower, h.zero_threshold);
    if (b.sign < 0) upper = std::min(upper, -h.zero_threshold);
    double at = 0;
    if (h.custom()) {
      at = (lower + upper) / 2;
    } else if (b.sign != 0) {
      at = b.sign * std::sqrt(lower * upper);
    }
    squares += b.count * (at - mean) * (at - mean);
  }
  const double variance = squares / h.count;
  return function == "histogram_stddev" ? std::sqrt(variance) : variance;
}

double SlowQuantile(double q, const SlowHistogram& h) {
  if (q < 0) return -INFINITY;
  if (q > 1) return INFINITY;
  if (h.count == 0 || std::isnan(q)) return NAN;
  // Counted from the end that is nearer; with NaN observations, which are above all, from below.
  std::vector<Bucket> all = Buckets(h);
  const bool forward = q < 0.5 || std::isnan(h.sum);
  if (!forward) std::reverse(all.begin(), all.end());
  const double rank = (forward ? q : 1 - q) * h.count;
  const auto cut = [&](Bucket b) {
    if (b.sign > 0 && !h.custom() && b.lower > 0) b.lower = std::max(b.lower, h.zero_threshold);
    if (b.sign < 0 && b.upper < 0) b.upper = std::min(b.upper, -h.zero_threshold);
    return b;
  };
  Bucket b{0, 0, 0, 0};
  double count = 0;
  size_t i = 0;
  while (i < all.size()) {
    b = cut(all[i++]);
    if (b.count == 0) continue;
    count += b.count;
    if (count >= rank) break;
  }
  if (!h.custom() && b.lower < 0 && b.upper > 0) CutZero(h, &b);
  if (h.custom() && b.lower == -INFINITY) {
    if (b.upper <= 0) return b.upper;
    b.lower = 0;
  } else if (h.custom() && b.upper == INFINITY) {
    return b.lower;
  }
  if (count > h.count) count = h.count;
  if (count < rank) return std::isnan(h.sum) ? NAN : b.upper;
  const double inside = forward ? rank - (count - b.count) : count - rank;
  if (std::isnan(h.sum) && i < all.size()) b = cut(all.back());
  const double fraction = inside / b.count;
  if (h.custom() || (b.lower <= 0 && b.upper >= 0)) {
    return b.lower + (b.upper - b.lower) * fraction;
  }
  const double low = std::log2(std::fabs(b.lower)), high = std::log2(std::fabs(b.upper));
  return b.sign * std::exp2(low + (high - low) * fraction);
}

double SlowFraction(double lower, double upper, const SlowHistogram& h) {
  if (h.count == 0 || std::isnan(lower) || std::isnan(upper)) return NAN;
  if (lower >= upper) return 0;
  const auto rank_at = [&](double v) {
    double rank = 0;
    for (Bucket b : Buckets(h)) {
      if (b.lower <= 0 && b.upper >= 0) CutZero(h, &b);
      if (b.sign > 0 && !h.custom()) b.lower = std::max(b.lower, h.zero_threshold);
      if (b.sign < 0) b.upper = std::min(b.upper, -h.zero_threshold);
      if (b.lower >= v) return rank;
      if (b.upper > v) return b.lower == -INFINITY ? b.count : rank + b.count * Below(h, b, v);
      rank += b.count;
    }
    return static_cast<double>(INFINITY);
  };
  double counted = h.count;
  if (std::isnan(h.sum)) {  // NaN observations belong to no bucket.
    counted = 0;
    for (const Bucket& b : Buckets(h)) counted += b.count;
  }
  const auto at_most = [&](double rank) { return rank > counted ? counted : rank; };
  return (at_most(rank_at(upper)) - at_most(rank_at(lower))) / h.count;
}

}  // namespace promql
