// label_replace and label_join: new labels for whole series. Series that end up with the same
// labels become one; an error where both have a value.
#pragma once

#include <vector>

#include "promql/operator.h"

namespace promql {

// kAborted in Prometheus' words for bad label names and expressions.
absl::StatusOr<OperatorPtr> MakeLabelReplace(const Expr& call, std::vector<OperatorPtr> args);
absl::StatusOr<OperatorPtr> MakeLabelJoin(const Expr& call, std::vector<OperatorPtr> args);

}  // namespace promql
