// Hints of counter resets when histograms are put beside others than they were written beside.
#pragma once

#include "storage/model/histogram.h"

namespace model {

inline void SetHint(ResetHint hint, AnyHistogram* h) {
  std::visit([hint](auto& x) { x.hint = hint; }, *h);
}

// For one that no longer stands behind the one that it was compared with.
inline void ForgetNotReset(AnyHistogram* h) {
  if (HintOf(*h) == ResetHint::kNotReset) SetHint(ResetHint::kUnknown, h);
}

}  // namespace model
