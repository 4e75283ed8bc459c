// Zero buckets of different width: how a narrow one becomes wide.
#pragma once

#include "storage/model/histogram.h"

namespace promql::histogram {

// What the zero bucket would hold if it reached at least to `threshold`, which is not less than it
// does; `threshold` becomes where it does reach: never into the middle of a bucket with something in
// it. `lost` is the compensation so far; that of buckets, if there is any, is in `lost_of`.
struct ZeroBucket {
  double count = 0, lost = 0, threshold = 0;
};
ZeroBucket WidenedZeroBucket(const model::FloatHistogram& h, double threshold,
                             const model::FloatHistogram* lost_of);

// Makes the zero bucket of `h` wide enough for that of `other`, with `lost` its compensation or null.
// Gives what would be in that of `other` if it was as wide.
ZeroBucket ReconcileZeroBuckets(const model::FloatHistogram& other, model::FloatHistogram* h,
                                model::FloatHistogram* lost);

}  // namespace promql::histogram
