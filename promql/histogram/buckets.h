// Walking the buckets of a histogram.
#pragma once

#include <cstdint>
#include <vector>

#include "storage/model/histogram.h"

namespace promql::histogram {

// Calls see(index, i) for each bucket of one side, ascending: `index` is its place in the schema, `i`
// that in the vector of buckets. Stops when see says false.
template <class See>
void ForEachIndex(const std::vector<model::Span>& spans, size_t num_buckets, See see) {
  int64_t index = 0;
  size_t i = 0;
  for (const model::Span& span : spans) {
    index += span.offset;
    for (uint32_t k = 0; k < span.length; ++k, ++i, ++index) {
      if (i >= num_buckets || !see(index, i)) return;
    }
  }
}

enum class Side : uint8_t { kNegative, kZero, kPositive };

struct BucketCell {
  Side side = Side::kZero;
  int32_t index = 0;  // In the schema.
  double count = 0;
};

struct Bounds {
  double lower = 0, upper = 0;
};

// All buckets from the lowest up; the zero bucket only if something is in it.
std::vector<BucketCell> AllBuckets(const model::FloatHistogram& h);

// As the schema has them.
Bounds SchemaBounds(const model::FloatHistogram& h, Side side, int32_t index);
// The same, cut where the zero bucket reaches into a bucket.
Bounds BoundsOf(const model::FloatHistogram& h, const BucketCell& bucket);

// Where a value between the bounds divides them, from 0 to 1: in proportion, or, of exponential
// buckets, in proportion of logarithms.
double FractionBelow(const Bounds& bounds, double v, bool linear);

}  // namespace promql::histogram
