// Quantiles of samples and of classic histograms, interpolated as Prometheus does. spec 1.7.
#pragma once

#include <span>
#include <vector>

namespace promql {

// The order quantiles and sorts go by: ascending, every NaN before every number.
inline bool NanFirst(double a, double b) { return a < b || (a != a && b == b); }

// The q-quantile of values in NanFirst order: between two values, their weighted mean. NaN for no
// values or q NaN; -Inf for q < 0, +Inf for q > 1.
double QuantileOfSorted(double q, std::span<const double> sorted);
// The same of values in any order; reorders them.
double Quantile(double q, std::span<double> values);

// One bucket of a classic histogram: how many observations are <= upper_bound.
struct Bucket {
  double upper_bound = 0;
  double count = 0;
};

// Where counts had to be raised because they fell from one bucket to the next.
struct MonotonicFix {
  bool forced = false;
  double min_bound = 0, max_bound = 0;  // Upper bounds of the lowest and highest bucket raised.
  double max_raise = 0;
};

// The q-quantile of the observations in `buckets`, ascending by bound and at least one; they are
// merged and repaired in place. NaN without a +Inf bucket, a second bucket or observations.
double BucketQuantile(double q, std::vector<Bucket>* buckets, MonotonicFix* fix);

// The fraction of observations between `lower` and `upper`. Same requirements.
double BucketFraction(double lower, double upper, std::vector<Bucket>* buckets);

}  // namespace promql
