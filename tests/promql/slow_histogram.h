// Native histograms the slow and obvious way: every bucket by its index in a map.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "promql/ast.h"
#include "storage/model/histogram.h"

namespace promql {

struct SlowHistogram {
  model::ResetHint hint = model::ResetHint::kUnknown;
  int schema = 0;
  double zero_threshold = 0, zero_count = 0, count = 0, sum = 0;
  std::map<int64_t, double> positive, negative;
  std::vector<double> bounds;

  bool custom() const { return schema == model::kCustomBuckets; }
};
using SlowHistogramPtr = std::shared_ptr<const SlowHistogram>;

SlowHistogram FromModel(const model::AnyHistogram& h);
model::FloatHistogram ToModel(const SlowHistogram& h);  // Without empty buckets.

SlowHistogram Scaled(SlowHistogram h, double factor);
SlowHistogram Divided(SlowHistogram h, double by);
SlowHistogram Compacted(SlowHistogram h);  // Without empty buckets.
// a + sign * b. Nothing when one has custom buckets and the other not.
std::optional<SlowHistogram> Added(SlowHistogram a, SlowHistogram b, double sign);
// To a coarser schema.
SlowHistogram Coarser(SlowHistogram h, int schema);
SlowHistogram Trimmed(SlowHistogram h, double at, bool keep_below);

bool SameHistogram(const SlowHistogram& a, const SlowHistogram& b);
bool WasReset(const SlowHistogram& before, const SlowHistogram& now);

// histogram_count, _sum, _avg, _stdvar, _stddev.
double Figure(std::string_view function, const SlowHistogram& h);
double SlowQuantile(double q, const SlowHistogram& h);
double SlowFraction(double lower, double upper, const SlowHistogram& h);

}  // namespace promql
