// topk, bottomk, quantile, count_values: what they give depends on the values, so they pull their
// whole input when asked for their series.
#pragma once

#include "promql/ast.h"
#include "promql/operator.h"

namespace promql {

// `aggregate` outlives the operator; `param` is k or q at each step.
//   topk, bottomk  keep k candidates per group and step. On a grid of one step series come best
//                  first, group by group; otherwise in the order of the input.
//   quantile       holds its input, charged to the query.
OperatorPtr MakeRank(const Expr& aggregate, OperatorPtr input, OperatorPtr param);
OperatorPtr MakeQuantile(const Expr& aggregate, OperatorPtr input, OperatorPtr param);
// `label` is the label that takes the value.
OperatorPtr MakeCountValues(const Expr& aggregate, OperatorPtr input, std::string label);

}  // namespace promql
