// Cell by cell: functions of an instant vector, and unary minus.
#pragma once

#include <vector>

#include "promql/functions/functions.h"
#include "promql/operator.h"

namespace promql {

// Applies `function` to every row of `input`. `params` are the scalar arguments in order. Names
// stay; whoever builds drops them.
// Histograms are left out, but by functions that do not look at the value (`takes_histograms`).
OperatorPtr MakeCells(CellFunction function, OperatorPtr input, std::vector<OperatorPtr> params,
                      std::string describe, bool takes_histograms = false);

OperatorPtr MakeNegate(OperatorPtr input);

}  // namespace promql
