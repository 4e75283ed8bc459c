#include "promql/histogram/arithmetic.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "promql/histogram/layout.h"
#include "promql/histogram/zero_bucket.h"
#include "promql/kernels/neumaier.h"

namespace promql::histogram {
namespace {

// The hint of a sum. True when one says reset and the other not.
bool AdjustHint(model::ResetHint other, model::ResetHint* hint) {
  using model::ResetHint;
  if (other == *hint || *hint == ResetHint::kGauge) return false;
  if (other == ResetHint::kGauge) {
    *hint = ResetHint::kGauge;
    return false;
  }
  if (*hint == ResetHint::kUnknown) return false;
  *hint = ResetHint::kUnknown;
  return other != ResetHint::kUnknown;
}

// b with buckets of `schema`, if they are finer.
struct Sides {
  Spans positive_spans, negative_spans;
  Counts positive, negative, positive_lost, negative_lost;
};
Sides Coarser(const model::FloatHistogram& b, int32_t schema, bool with_lost) {
  Sides sides{b.positive_spans, b.negative_spans, b.positive_buckets, b.negative_buckets, {}, {}};
  if (with_lost) {
    sides.positive_lost.resize(sides.positive.size());
    sides.negative_lost.resize(sides.negative.size());
  }
  const int by = b.schema - schema;
  Coarsen(by, &sides.positive_spans, &sides.positive, with_lost ? &sides.positive_lost : nullptr);
  Coarsen(by, &sides.negative_spans, &sides.negative, with_lost ? &sides.negative_lost : nullptr);
  return sides;
}

void AddSides(bool subtract, const model::FloatHistogram& b, model::FloatHistogram* a,
              model::FloatHistogram* lost) {
  Counts* positive_lost = lost == nullptr ? nullptr : &lost->positive_buckets;
  Counts* negative_lost = lost == nullptr ? nullptr : &lost->negative_buckets;
  if (b.schema < a->schema) {
    const int by = a->schema - b.schema;
    Coarsen(by, &a->positive_spans, &a->positive_buckets, positive_lost);
    Coarsen(by, &a->negative_spans, &a->negative_buckets, negative_lost);
    a->schema = b.schema;
  }
  const AddOptions options{a->schema, a->zero_threshold, subtract};
  if (b.schema > a->schema) {
    const Sides sides = Coarser(b, a->schema, lost != nullptr);
    Add(options, sides.positive_spans, sides.positive,
        lost == nullptr ? nullptr : &sides.positive_lost, &a->positive_spans,
        &a->positive_buckets, positive_lost);
    Add(options, sides.negative_spans, sides.negative,
        lost == nullptr ? nullptr : &sides.negative_lost, &a->negative_spans,
        &a->negative_buckets, negative_lost);
    return;
  }
  Add(options, b.positive_spans, b.positive_buckets, nullptr, &a->positive_spans,
      &a->positive_buckets, positive_lost);
  Add(options, b.negative_spans, b.negative_buckets, nullptr, &a->negative_spans,
      &a->negative_buckets, negative_lost);
}

// Of custom buckets. True when bounds had to be reconciled.
bool AddCustom(bool subtract, const model::FloatHistogram& b, model::FloatHistogram* a,
               Counts* lost) {
  if (a->custom_values == b.custom_values) {
    Add({a->schema, a->zero_threshold, subtract}, b.positive_spans, b.positive_buckets, nullptr,
        &a->positive_spans, &a->positive_buckets, lost);
    return false;
  }
  AddReconciled(subtract, b, CommonBounds(a->custom_values, b.custom_values), a, lost);
  return true;
}

AddOutcome AddOrSubtract(bool subtract, const model::FloatHistogram& b,
                         model::FloatHistogram* a) {
  AddOutcome outcome;
  if (a->custom() != b.custom()) {
    outcome.compatible = false;
    return outcome;
  }
  const double sign = subtract ? -1 : 1;
  outcome.reset_collision = AdjustHint(b.hint, &a->hint);
  if (!a->custom()) a->zero_count += sign * ReconcileZeroBuckets(b, a, nullptr).count;
  a->count += sign * b.count;
  a->sum += sign * b.sum;
  if (a->custom()) {
    outcome.bounds_reconciled = AddCustom(subtract, b, a, nullptr);
  } else {
    AddSides(subtract, b, a, nullptr);
  }
  return outcome;
}

model::FloatHistogram NothingLost(const model::FloatHistogram& h) {
  model::FloatHistogram lost;
  lost.hint = h.hint;
  lost.schema = h.schema;
  lost.zero_threshold = h.zero_threshold;
  lost.custom_values = h.custom_values;
  lost.positive_buckets.resize(h.positive_buckets.size());
  lost.negative_buckets.resize(h.negative_buckets.size());
  return lost;
}

}  // namespace

void Multiply(double factor, model::FloatHistogram* h) {
  h->zero_count *= factor;
  h->count *= factor;
  h->sum *= factor;
  for (double& count : h->positive_buckets) count *= factor;
  for (double& count : h->negative_buckets) count *= factor;
  if (factor < 0) h->hint = model::ResetHint::kGauge;
}

void Divide(double divisor, model::FloatHistogram* h) {
  h->zero_count /= divisor;
  h->count /= divisor;
  h->sum /= divisor;
  if (divisor == 0) {
    h->positive_buckets.clear(), h->negative_buckets.clear();
    h->positive_spans.clear(), h->negative_spans.clear();
    return;
  }
  for (double& count : h->positive_buckets) count /= divisor;
  for (double& count : h->negative_buckets) count /= divisor;
  if (divisor < 0) h->hint = model::ResetHint::kGauge;
}

AddOutcome Add(const model::FloatHistogram& b, model::FloatHistogram* a) {
  return AddOrSubtract(/*subtract=*/false, b, a);
}

AddOutcome Subtract(const model::FloatHistogram& b, model::FloatHistogram* a) {
  return AddOrSubtract(/*subtract=*/true, b, a);
}

AddOutcome AddCompensated(const model::FloatHistogram& b, model::FloatHistogram* a,
                          std::optional<model::FloatHistogram>* lost) {
  AddOutcome outcome;
  if (a->custom() != b.custom()) {
    outcome.compatible = false;
    return outcome;
  }
  outcome.reset_collision = AdjustHint(b.hint, &a->hint);
  if (!lost->has_value()) *lost = NothingLost(*a);
  model::FloatHistogram& c = **lost;
  if (!a->custom()) {
    const ZeroBucket theirs = ReconcileZeroBuckets(b, a, &c);
    kernels::AddCompensated(theirs.count, a->zero_count, c.zero_count);
    kernels::AddCompensated(theirs.lost, a->zero_count, c.zero_count);
  }
  kernels::AddCompensated(b.count, a->count, c.count);
  kernels::AddCompensated(b.sum, a->sum, c.sum);
  if (a->custom()) {
    outcome.bounds_reconciled = AddCustom(/*subtract=*/false, b, a, &c.positive_buckets);
  } else {
    AddSides(/*subtract=*/false, b, a, &c);
  }
  c.schema = a->schema;
  c.zero_threshold = a->zero_threshold;
  c.custom_values = a->custom_values;
  c.positive_spans = a->positive_spans;
  c.negative_spans = a->negative_spans;
  return outcome;
}

model::FloatHistogram CopyToSchema(const model::FloatHistogram& h, int32_t schema) {
  model::FloatHistogram copy = h;
  if (schema >= h.schema || h.custom()) return copy;
  copy.hint = model::ResetHint::kUnknown;
  Coarsen(h.schema - schema, &copy.positive_spans, &copy.positive_buckets);
  Coarsen(h.schema - schema, &copy.negative_spans, &copy.negative_buckets);
  copy.schema = schema;
  return copy;
}

void Compact(model::FloatHistogram* h) {
  Compact(&h->positive_spans, &h->positive_buckets);
  Compact(&h->negative_spans, &h->negative_buckets);
}

bool HasInfinity(const model::FloatHistogram& h) {
  const auto any = [](const std::vector<double>& values) {
    return std::any_of(values.begin(), values.end(), [](double v) { return std::isinf(v); });
  };
  return std::isinf(h.zero_count) || std::isinf(h.count) || std::isinf(h.sum) ||
         any(h.positive_buckets) || any(h.negative_buckets) || any(h.custom_values);
}

}  // namespace promql::histogram
