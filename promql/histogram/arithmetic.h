// Sums, differences and multiples of histograms, to the bit as Prometheus computes them.
#pragma once

#include <optional>

#include "storage/model/histogram.h"

namespace promql::histogram {

// What there is to say about a sum.
struct AddOutcome {
  bool compatible = true;         // False: exponential and custom buckets; nothing was done.
  bool reset_collision = false;   // One was a reset, the other not.
  bool bounds_reconciled = false;  // Custom bounds were others.
};

void Multiply(double factor, model::FloatHistogram* h);
void Divide(double divisor, model::FloatHistogram* h);  // By 0: no buckets are left.

// a += b and a -= b. Schema and zero bucket become the coarser of both. The hint is that of a sum;
// a difference that a query sees is a gauge, which the caller says.
AddOutcome Add(const model::FloatHistogram& b, model::FloatHistogram* a);
AddOutcome Subtract(const model::FloatHistogram& b, model::FloatHistogram* a);

// a += b, compensated: *lost, nothing at first, has the layout of *a.
AddOutcome AddCompensated(const model::FloatHistogram& b, model::FloatHistogram* a,
                          std::optional<model::FloatHistogram>* lost);

// To a schema that is not finer. A coarser copy has no hint.
model::FloatHistogram CopyToSchema(const model::FloatHistogram& h, int32_t schema);

void Compact(model::FloatHistogram* h);  // Without empty buckets.

bool HasInfinity(const model::FloatHistogram& h);  // In any count, in the sum, in bounds.

}  // namespace promql::histogram
