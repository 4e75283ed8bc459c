// Binary operators with a scalar on one side or both.
#pragma once

#include "promql/ast.h"
#include "promql/operator.h"

namespace promql {

// `binary` outlives the operator. Vector and scalar: names stay; whoever builds drops them where
// the operator asks for it. Scalar and scalar: the one series of a scalar.
OperatorPtr MakeScalarOp(const Expr& binary, OperatorPtr lhs, OperatorPtr rhs);

// Whether the operator makes something new of its operands, so that the name no longer fits.
bool ChangesMeaning(BinaryOp op);

}  // namespace promql
