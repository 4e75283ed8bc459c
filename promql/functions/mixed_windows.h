// Functions of range vectors where a window holds histograms. Contract: MixedFunction in
// functions.h. spec 1.7.
#pragma once

#include "promql/functions/functions.h"

namespace promql {

// mixed_rates.cc
MixedCell MixedRate(const MixedWindow& window, uint32_t* notes);
MixedCell MixedIncrease(const MixedWindow& window, uint32_t* notes);
MixedCell MixedDelta(const MixedWindow& window, uint32_t* notes);
MixedCell MixedInstantRate(const MixedWindow& window, uint32_t* notes);
MixedCell MixedInstantDelta(const MixedWindow& window, uint32_t* notes);

// mixed_sums.cc
MixedCell MixedSumOverTime(const MixedWindow& window, uint32_t* notes);
MixedCell MixedAvgOverTime(const MixedWindow& window, uint32_t* notes);

// mixed_counts.cc
MixedCell MixedCountOverTime(const MixedWindow& window, uint32_t* notes);
MixedCell MixedPresentOverTime(const MixedWindow& window, uint32_t* notes);
MixedCell MixedFirstOverTime(const MixedWindow& window, uint32_t* notes);
MixedCell MixedLastOverTime(const MixedWindow& window, uint32_t* notes);
MixedCell MixedTimeOfFirst(const MixedWindow& window, uint32_t* notes);
MixedCell MixedTimeOfLast(const MixedWindow& window, uint32_t* notes);
MixedCell MixedChanges(const MixedWindow& window, uint32_t* notes);
MixedCell MixedResets(const MixedWindow& window, uint32_t* notes);

// mixed_extended.cc. Over ranges marked `anchored` or `smoothed`; windows hold all that is in reach.
// Null when there is no such function.
MixedFunction FindExtended(std::string_view function, Smoothing smoothing);
// kernels::LaySmoothed of a series with histograms; `out` can hold some. No stale markers.
void LaySmoothedMixed(const Samples& samples, const WindowGrid& windows, Row out, uint32_t* notes);

}  // namespace promql
