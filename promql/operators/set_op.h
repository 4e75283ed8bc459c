// and, unless, or.
#pragma once

#include "promql/ast.h"
#include "promql/operator.h"

namespace promql {

// `binary` outlives the operator. Only presence by match group is kept of the side that decides:
// rows of the other pass through. The result of `or` may repeat a label set at different steps;
// whoever builds merges those.
OperatorPtr MakeSetOp(const Expr& binary, OperatorPtr lhs, OperatorPtr rhs);

}  // namespace promql
