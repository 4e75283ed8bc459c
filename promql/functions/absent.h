// absent and absent_over_time: 1 at the steps where the input has nothing.
#pragma once

#include <vector>

#include "promql/operator.h"

namespace promql {

OperatorPtr MakeAbsent(const Expr& call, std::vector<OperatorPtr> args);

// What the matchers of a plain selector say for certain: labels with one '=' matcher and no other.
// Nothing for any other expression. The metric name is left out.
model::Labels AbsentLabels(const Expr& arg);

}  // namespace promql
