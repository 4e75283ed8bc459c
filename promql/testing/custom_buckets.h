// Classic histograms made into native ones with custom buckets: what load_with_nhcb asks for.
#pragma once

#include <map>
#include <vector>

#include <absl/status/statusor.h>

#include "promql/histogram/cell.h"
#include "storage/model/labels.h"
#include "storage/model/sample.h"

namespace promql_test {

using ClassicSeries = std::map<model::Labels, std::vector<model::Sample>>;
using NativeSeries = std::map<model::Labels, std::vector<promql::HistogramSample>>;

// Of what ends in _bucket, _count or _sum.
absl::StatusOr<NativeSeries> ToCustomBuckets(const ClassicSeries& series);

}  // namespace promql_test
