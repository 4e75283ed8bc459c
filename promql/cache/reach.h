// What a step of an answer looks at, and so which steps a change of samples leaves right.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "promql/cache/step_columns.h"
#include "storage/model/sample.h"

namespace promql {

// Of step t: the samples from t - back_ms to t + ahead_ms, and those of the times in `fixed` (@). Either
// may be negative, where there are offsets; both are as long as nothing is looked at.
struct Reach {
  static constexpr int64_t kNowhere = -(int64_t{1} << 61);
  int64_t back_ms = kNowhere, ahead_ms = kNowhere;
  std::vector<model::TimeRange> fixed;
};

// The longest run of steps that do not reach what `changed` (ascending, apart), as far as it lies in
// the steps from `from` to before `to`; the run itself may begin before and end behind them. A count
// of 0: there is none.
StepsView FindRight(const StepColumns& columns, const Reach& reach,
                    std::span<const model::TimeRange> changed, int from, int to);

}  // namespace promql
