// Whether two histograms are the same, and whether a counter was reset between them.
#pragma once

#include "storage/model/histogram.h"

namespace promql::histogram {

// Whether a counter began anew between `before` and `now`: the hint of `now` says so, or something
// counts less, or buckets are finer. When the hint says no, no. The sum is not looked at.
bool IsReset(const model::FloatHistogram& before, const model::FloatHistogram& now);

// The same bits in the same buckets; of spans, only where they put the buckets counts, and hints
// do not.
bool Equal(const model::FloatHistogram& a, const model::FloatHistogram& b);

}  // namespace promql::histogram
