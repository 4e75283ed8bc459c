// The operators </ and >/: a histogram without the observations above or below a value.
#pragma once

#include "storage/model/histogram.h"

namespace promql::histogram {

enum class Keep { kBelow, kAbove };

// Leaves what lies below, or above, `value`; of the bucket it falls into, a part by interpolation.
// When anything goes, count and sum become those of what is left, each bucket taken at its middle.
void Trim(Keep keep, double value, model::FloatHistogram* h);

}  // namespace promql::histogram
