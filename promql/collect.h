// Operators -> Value.
#pragma once

#include <memory>

#include <absl/status/statusor.h>

#include "promql/context.h"
#include "promql/operator.h"
#include "promql/operators/subquery.h"
#include "promql/value.h"

namespace promql {

// Pulls everything, charges what the result holds, drops the names that are still to be dropped.
// kAborted: "vector cannot contain metrics with the same labelset".
absl::StatusOr<Value> CollectMatrix(Context& context, Operator* root);  // Not sorted yet.
absl::StatusOr<Value> CollectVector(Context& context, Operator* root);  // At grid.start.
absl::StatusOr<Value> CollectScalar(Context& context, Operator* root);
// Not sorted yet. With `reads` the samples are read here and not in a subquery.
absl::StatusOr<Value> CollectSamples(Context& context, SampleSource* source, bool reads);

void SortByLabels(std::vector<Series>* matrix);

}  // namespace promql
