// Where the buckets of native histograms end.
#pragma once

#include <cstdint>
#include <vector>

namespace model {

// The upper bound of positive bucket `index` of `schema` (-9..8, or -53 with its custom values), to the
// bit as Prometheus computes it. The lower one is that of index - 1; the negative side mirrors both.
double BucketBound(int32_t index, int32_t schema, const std::vector<double>& custom_values);

}  // namespace model
