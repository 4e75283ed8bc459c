// Functions of range vectors over floats: each fills one row from one series' columns, all steps
// in one pass. Contract: WindowFunction in functions/functions.h. Results are Prometheus' to the
// last bit; where a sliding form would round differently, each window is computed afresh.
#pragma once

#include "promql/engine.h"
#include "promql/kernels/window.h"
#include "promql/operator.h"
#include "storage/chunk/chunk.h"

namespace promql::kernels {

#define PROMQL_WINDOW_FUNCTION(Name)                                                          \
  void Name(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid& eval, \
            ScalarParams params, Row out)

// rate.cc
PROMQL_WINDOW_FUNCTION(Rate);
PROMQL_WINDOW_FUNCTION(Increase);
PROMQL_WINDOW_FUNCTION(Delta);
PROMQL_WINDOW_FUNCTION(InstantRate);
PROMQL_WINDOW_FUNCTION(InstantDelta);

// extended.cc: of ranges marked `anchored` and `smoothed`.
PROMQL_WINDOW_FUNCTION(AnchoredRate);
PROMQL_WINDOW_FUNCTION(AnchoredIncrease);
PROMQL_WINDOW_FUNCTION(AnchoredDelta);
PROMQL_WINDOW_FUNCTION(SmoothedRate);
PROMQL_WINDOW_FUNCTION(SmoothedIncrease);
PROMQL_WINDOW_FUNCTION(SmoothedDelta);

// counts.cc: one figure each, from counts of samples.
PROMQL_WINDOW_FUNCTION(CountOverTime);
PROMQL_WINDOW_FUNCTION(PresentOverTime);
PROMQL_WINDOW_FUNCTION(FirstOverTime);
PROMQL_WINDOW_FUNCTION(LastOverTime);
PROMQL_WINDOW_FUNCTION(TimeOfFirst);
PROMQL_WINDOW_FUNCTION(TimeOfLast);
PROMQL_WINDOW_FUNCTION(Changes);
PROMQL_WINDOW_FUNCTION(Resets);
PROMQL_WINDOW_FUNCTION(AnchoredChanges);
PROMQL_WINDOW_FUNCTION(AnchoredResets);

// sums.cc
PROMQL_WINDOW_FUNCTION(SumOverTime);
PROMQL_WINDOW_FUNCTION(AvgOverTime);
PROMQL_WINDOW_FUNCTION(StddevOverTime);
PROMQL_WINDOW_FUNCTION(StdvarOverTime);

// extremes.cc
PROMQL_WINDOW_FUNCTION(MinOverTime);
PROMQL_WINDOW_FUNCTION(MaxOverTime);
PROMQL_WINDOW_FUNCTION(TimeOfMin);
PROMQL_WINDOW_FUNCTION(TimeOfMax);

// order_statistics.cc
PROMQL_WINDOW_FUNCTION(QuantileOverTime);  // params: the quantile
PROMQL_WINDOW_FUNCTION(MadOverTime);

// trends.cc
PROMQL_WINDOW_FUNCTION(Deriv);
PROMQL_WINDOW_FUNCTION(PredictLinear);  // params: seconds ahead
// params: smoothing factor, trend factor. Where one of them is invalid the cell is present with
// NaN, for the caller's check to find.
PROMQL_WINDOW_FUNCTION(DoubleExponentialSmoothing);

#undef PROMQL_WINDOW_FUNCTION

// Those of rate.cc and counts.cc that starts change something for: StartedFunction.
#define PROMQL_STARTED_FUNCTION(Name)                                                      \
  void Name(const chunk::SampleColumns& samples, std::span<const model::TimeMs> starts,    \
            const WindowGrid& windows, Row out)

PROMQL_STARTED_FUNCTION(StartedRate);
PROMQL_STARTED_FUNCTION(StartedIncrease);
PROMQL_STARTED_FUNCTION(StartedInstantRate);
PROMQL_STARTED_FUNCTION(StartedResets);
PROMQL_STARTED_FUNCTION(StartedAnchoredResets);

#undef PROMQL_STARTED_FUNCTION

}  // namespace promql::kernels
