// Arithmetic and comparison between two vectors, matched by labels.
#pragma once

#include "promql/ast.h"
#include "promql/operator.h"

namespace promql {

// `binary` outlives the operator. Holds the "one" side in memory (charged to the query); rows of
// the other pass. Errors (kAborted, spec 1.3 "Vector matching") come only if some step has them.
OperatorPtr MakeJoin(const Expr& binary, OperatorPtr lhs, OperatorPtr rhs);

}  // namespace promql
