// Native histograms in query results.
#pragma once

#include <string>

#include "promql/histogram/cell.h"

namespace api {

// [1435781451.781,{"count":"3","sum":"18.4","buckets":[[0,"0.5","1","3"]]}]: of buckets that are not
// empty, ascending, which ends belong to them (0 the upper, 1 the lower, 2 none, 3 both), the ends, the
// count. spec 3.2.
void AppendHistogramPointJson(std::string* out, const promql::HistogramSample& sample);

}  // namespace api
