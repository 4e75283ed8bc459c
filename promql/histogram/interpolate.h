// A histogram between two samples.
#pragma once

#include "promql/histogram/cell.h"

namespace promql::histogram {

// What there is to say about it.
struct Interpolated {
  bool compatible = true;  // False: exponential and custom buckets; there is no result.
  bool sub_reconciled = false, add_reconciled = false;  // Custom bounds were others.
};

// On the line from `before` to `after` at time t, which lies between theirs. A counter that was reset
// between them started from nothing.
Interpolated Interpolate(const HistogramSample& before, const HistogramSample& after,
                         model::TimeMs t, bool counter, model::FloatHistogram* out);

}  // namespace promql::histogram
