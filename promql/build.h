// Plan -> operators.
#pragma once

#include <memory>

#include <absl/status/statusor.h>

#include "promql/operator.h"
#include "promql/operators/selections.h"
#include "promql/operators/subquery.h"
#include "promql/plan.h"

namespace promql {

// The operators of a node that gives rows. `plan` and `selections` outlive them. kUnimplemented: a
// function without a body yet.
absl::StatusOr<OperatorPtr> Build(const PlanNode& plan, Selections* selections);

// Of a bare range vector or subquery: its samples.
absl::StatusOr<std::unique_ptr<SampleSource>> BuildMatrix(const PlanNode& plan,
                                                          Selections* selections);

}  // namespace promql
