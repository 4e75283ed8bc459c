// What a histogram says about the observations in it. spec 1.7.
#pragma once

#include "storage/model/histogram.h"

namespace promql::histogram {

// What NaN among the observations did to a result: they count, but are in no bucket.
enum class NanEffect {
  kNone,
  kSkewed,    // A quantile is higher than it would be without.
  kIsNan,     // A quantile is NaN.
  kExcluded,  // They belong to no fraction.
};

// The q-quantile, interpolated inside its bucket. NaN without observations or for q NaN; -Inf for
// q < 0, +Inf for q > 1.
double Quantile(double q, const model::FloatHistogram& h, NanEffect* effect);

// The fraction of observations between `lower` and `upper`. NaN without observations or for a NaN.
double Fraction(double lower, double upper, const model::FloatHistogram& h, NanEffect* effect);

// The population variance, every observation taken for the middle of its bucket.
double Variance(const model::FloatHistogram& h);

}  // namespace promql::histogram
