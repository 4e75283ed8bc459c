// Functions that give one value at each step, without labels: scalar, time, pi, start, end, range,
// step, min_of, max_of, and the date functions of the evaluation time.
#pragma once

#include <vector>

#include "promql/operator.h"

namespace promql {

// scalar(v): the value where the input has exactly one, NaN elsewhere.
OperatorPtr MakeScalar(const Expr& call, std::vector<OperatorPtr> args);

// Any of the others, by name. Null when `call` is none of them.
OperatorPtr MakeStepFunction(const Expr& call, std::vector<OperatorPtr> args);

}  // namespace promql
