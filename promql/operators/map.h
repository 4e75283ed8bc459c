// Cell by cell: functions of an instant vector, and unary minus.
#pragma once

#include <vector>

#include "promql/functions/functions.h"
#include "promql/operator.h"

namespace promql {

// Applies `function` to every row of `input`. `params` are the scalar arguments in order. Names
// stay; whoever builds drops them.
OperatorPtr MakeCells(CellFunction function, OperatorPtr input, std::vector<OperatorPtr> params,
                      std::string describe);

OperatorPtr MakeNegate(OperatorPtr input);

}  // namespace promql
