// What a duration expression amounts to once the query's grid is known.
#pragma once

#include <cstdint>

#include <absl/status/statusor.h>

#include "promql/ast.h"

namespace promql {

struct DurationScope {  // Of the whole query.
  int64_t step_ms = 0;   // step(); 0 for instant queries.
  int64_t range_ms = 0;  // range(): end - start.
};

// In milliseconds, cut towards zero. Offsets may be zero or negative, ranges and steps not.
// kInvalidArgument in Prometheus' words: `4:9: division by zero`, byte offsets of the expression.
absl::StatusOr<int64_t> EvaluateDuration(const DurationExpr& expr, const DurationScope& scope,
                                         bool allow_negative);

// A copy of `expr` in which every duration is a number: *_expr are null, *_ms are set. `expr`
// itself when there is nothing to do. Errors: as EvaluateDuration.
absl::StatusOr<ExprPtr> ResolveDurations(const ExprPtr& expr, const DurationScope& scope);

}  // namespace promql
