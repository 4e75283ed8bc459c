// One side of a histogram: its spans, its buckets, and, where a sum is compensated (Neumaier), what
// each bucket lost. Results have the buckets Prometheus' have; the spans may be cut otherwise.
#pragma once

#include <vector>

#include "storage/model/histogram.h"

namespace promql::histogram {

using Spans = std::vector<model::Span>;
using Counts = std::vector<double>;

// Takes empty buckets out; with `lost`, only those that lost nothing either.
void Compact(Spans* spans, Counts* counts, Counts* lost = nullptr);

// Merges buckets to the schema that is `by` coarser.
void Coarsen(int by, Spans* spans, Counts* counts, Counts* lost = nullptr);

// Adds side b, or subtracts it, to side a of the same schema. Buckets of b that end within
// `threshold` (the zero bucket's) are left out. lost_a goes with lost_b, which may be null.
struct AddOptions {
  int32_t schema = 0;
  double threshold = 0;
  bool subtract = false;
};
void Add(const AddOptions& options, const Spans& spans_b, const Counts& counts_b,
         const Counts* lost_b, Spans* spans_a, Counts* counts_a, Counts* lost_a);

// The same for custom buckets of other bounds: both go to the bounds they have in common.
void AddReconciled(bool subtract, const model::FloatHistogram& b,
                   const std::vector<double>& common_bounds, model::FloatHistogram* a,
                   Counts* lost_a);
std::vector<double> CommonBounds(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace promql::histogram
