// Scalar arguments of functions: one value at each step.
#pragma once

#include <vector>

#include "promql/operator.h"

namespace promql {

// Runs `scalar` to its end. One value for each step of context.grid.
absl::StatusOr<std::vector<double>> ReadScalar(Context& context, Operator* scalar);

// Calls Series() on an operator and leaves it at that: for parents that need rows only.
absl::Status Open(Context& context, Operator* input);

}  // namespace promql
