#include <optional>

#include "promql/functions/mixed_windows.h"
#include "promql/histogram/mean.h"

namespace promql {
namespace {

template <class Accumulator>
MixedCell Aggregate(const MixedWindow& window, uint32_t* notes) {
  if (!window.floats.empty()) {
    *notes |= kNoteMixed;
    return {};
  }
  Accumulator sum(*window.histograms[0]);
  for (size_t i = 1; i < window.histograms.size(); ++i) {
    if (!sum.Add(*window.histograms[i])) {  // Nothing else is said then.
      *notes |= kNoteMixedSchemas;
      return {};
    }
  }
  if (sum.collision()) *notes |= kNoteResetCollision;
  if (sum.reconciled()) *notes |= kNoteAggReconciled;
  return {std::nullopt, Share(std::move(sum).Take())};
}

}  // namespace

MixedCell MixedSumOverTime(const MixedWindow& window, uint32_t* notes) {
  return Aggregate<histogram::RunningSum>(window, notes);
}

MixedCell MixedAvgOverTime(const MixedWindow& window, uint32_t* notes) {
  return Aggregate<histogram::RunningMean>(window, notes);
}

}  // namespace promql
