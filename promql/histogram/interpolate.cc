#include "promql/histogram/interpolate.h"

#include "promql/histogram/arithmetic.h"
#include "promql/histogram/counter_reset.h"

namespace promql::histogram {

Interpolated Interpolate(const HistogramSample& before, const HistogramSample& after,
                         model::TimeMs t, bool counter, model::FloatHistogram* out) {
  Interpolated result;
  *out = t == before.t ? *before.h : *after.h;
  if (t == before.t || t == after.t) return result;
  const double fraction =
      static_cast<double>(t - before.t) / static_cast<double>(after.t - before.t);
  if (counter && IsReset(*before.h, *after.h)) {
    Multiply(fraction, out);
    return result;
  }
  const AddOutcome difference = Subtract(*before.h, out);
  result.compatible = difference.compatible;
  if (!result.compatible) return result;
  result.sub_reconciled = difference.bounds_reconciled;
  Multiply(fraction, out);
  result.add_reconciled = Add(*before.h, out).bounds_reconciled;
  return result;
}

}  // namespace promql::histogram
