#include "promql/quantile.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "storage/model/sample.h"

namespace promql {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// Counts this close are taken for equal: the rest of sums done in another order.
constexpr double kSmallDifference = 1e-12;

// The answer for a q that is no quantile at all, or 0 and false.
bool IsOutside(double q, double* answer) {
  if (std::isnan(q)) {
    *answer = model::NormalNan();
  } else if (q < 0) {
    *answer = -kInf;
  } else if (q > 1) {
    *answer = kInf;
  } else {
    return false;
  }
  return true;
}

struct Ranks {
  size_t lower = 0, upper = 0;
  double weight = 0;  // Of upper.
};

Ranks RanksOf(double q, size_t size) {
  const double n = static_cast<double>(size);
  const double rank = q * (n - 1);
  const double lower = std::max(0.0, std::floor(rank));
  const double upper = std::min(n - 1, lower + 1);
  return {static_cast<size_t>(lower), static_cast<size_t>(upper), rank - std::floor(rank)};
}

double Interpolate(double lower, double upper, double weight) {
  return lower * (1 - weight) + upper * weight;
}

bool AlmostEqual(double a, double b) {
  constexpr double kSmallestNormal = std::numeric_limits<double>::min();
  if (model::IsStaleNan(a) || model::IsStaleNan(b)) {
    return model::IsStaleNan(a) && model::IsStaleNan(b);
  }
  if (std::isnan(a) && std::isnan(b)) return true;
  if (a == b) return true;
  const double magnitude = std::fabs(a) + std::fabs(b);
  const double difference = std::fabs(a - b);
  if (a == 0 || b == 0 || magnitude < kSmallestNormal) {
    return difference < kSmallDifference * kSmallestNormal;
  }
  return difference / std::min(magnitude, std::numeric_limits<double>::max()) < kSmallDifference;
}

// Adds up buckets of the same bound.
void Coalesce(std::vector<Bucket>* buckets) {
  size_t last = 0;
  for (size_t i = 1; i < buckets->size(); ++i) {
    if ((*buckets)[i].upper_bound == (*buckets)[last].upper_bound) {
      (*buckets)[last].count += (*buckets)[i].count;
    } else {
      (*buckets)[++last] = (*buckets)[i];
    }
  }
  buckets->resize(last + 1);
}

// Raises every count to the highest below it; tiny differences either way go without a word.
void MakeMonotonic(std::vector<Bucket>* buckets, MonotonicFix* fix) {
  fix->min_bound = kInf;
  fix->max_bound = -kInf;
  double highest = buckets->front().count;
  for (size_t i = 1; i < buckets->size(); ++i) {
    Bucket& bucket = (*buckets)[i];
    if (bucket.count == highest) continue;
    if (AlmostEqual(highest, bucket.count)) {
      bucket.count = highest;
    } else if (bucket.count < highest) {
      fix->forced = true;
      fix->min_bound = std::min(fix->min_bound, bucket.upper_bound);
      fix->max_bound = std::max(fix->max_bound, bucket.upper_bound);
      fix->max_raise = std::max(fix->max_raise, highest - bucket.count);
      bucket.count = highest;
    } else {
      highest = bucket.count;
    }
  }
}

}  // namespace

double QuantileOfSorted(double q, std::span<const double> sorted) {
  double answer = model::NormalNan();
  if (sorted.empty() || IsOutside(q, &answer)) return answer;
  const Ranks ranks = RanksOf(q, sorted.size());
  return Interpolate(sorted[ranks.lower], sorted[ranks.upper], ranks.weight);
}

double Quantile(double q, std::span<double> values) {
  double answer = model::NormalNan();
  if (values.empty() || IsOutside(q, &answer)) return answer;
  const Ranks ranks = RanksOf(q, values.size());
  const auto lower = values.begin() + ranks.lower;
  std::nth_element(values.begin(), lower, values.end(), NanFirst);
  const double upper =
      ranks.upper == ranks.lower ? *lower : *std::min_element(lower + 1, values.end(), NanFirst);
  return Interpolate(*lower, upper, ranks.weight);
}

double BucketQuantile(double q, std::vector<Bucket>* buckets, MonotonicFix* fix) {
  double answer = 0;
  if (IsOutside(q, &answer)) return answer;
  if (buckets->back().upper_bound != kInf) return model::NormalNan();
  Coalesce(buckets);
  MakeMonotonic(buckets, fix);
  const std::vector<Bucket>& all = *buckets;
  if (all.size() < 2 || all.back().count == 0) return model::NormalNan();

  double rank = q * all.back().count;
  const auto found = std::partition_point(all.begin(), all.end() - 1,
                                          [&](const Bucket& b) { return !(b.count >= rank); });
  const size_t b = found - all.begin();
  if (b == all.size() - 1) return all[b - 1].upper_bound;
  if (b == 0 && all[0].upper_bound <= 0) return all[0].upper_bound;
  double start = 0, count = all[b].count;
  if (b > 0) {
    start = all[b - 1].upper_bound;
    count -= all[b - 1].count;
    rank -= all[b - 1].count;
  }
  return start + (all[b].upper_bound - start) * (rank / count);
}

double BucketFraction(double lower, double upper, std::vector<Bucket>* buckets) {
  if (buckets->back().upper_bound != kInf) return model::NormalNan();
  Coalesce(buckets);
  const double total = buckets->back().count;
  if (total == 0 || std::isnan(lower) || std::isnan(upper)) return model::NormalNan();
  if (lower >= upper) return 0;

  // The rank at a value: the observations below it, those of its own bucket in proportion. An
  // infinitely wide bucket has no proportion: the one from -Inf counts whole, the one to +Inf not.
  const auto rank_at = [&](double value) {
    double below = 0;
    double start = buckets->front().upper_bound <= 0 ? -kInf : 0;
    for (const Bucket& bucket : *buckets) {
      if (start >= value) return below;
      if (bucket.upper_bound > value) {
        if (start == -kInf) return bucket.count;
        return below + (bucket.count - below) * (value - start) / (bucket.upper_bound - start);
      }
      below = bucket.count;
      start = bucket.upper_bound;
    }
    return total;
  };
  const double lower_rank = rank_at(lower), upper_rank = rank_at(upper);
  return ((upper_rank > total ? total : upper_rank) - (lower_rank > total ? total : lower_rank)) /
         total;
}

}  // namespace promql
