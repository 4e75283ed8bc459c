// topk, bottomk, limitk, limit_ratio, quantile, count_values. What the ranks and count_values give
// depends on the values, so they pull their whole input when asked for their series.
#pragma once

#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "promql/ast.h"
#include "promql/operator.h"

namespace promql {

// `aggregate` outlives the operator; `param` is k or q at each step.
//   topk, bottomk  keep k candidates per group and step. On a grid of one step series come best
//                  first, group by group; otherwise in the order of the input.
//   quantile       holds its input, charged to the query.
//   limitk         passes the first k series of every group and step.
//   limit_ratio    passes the series whose hash says so: the same ones as Prometheus.
OperatorPtr MakeRank(const Expr& aggregate, OperatorPtr input, OperatorPtr param);
OperatorPtr MakeLimit(const Expr& aggregate, OperatorPtr input, OperatorPtr param);
OperatorPtr MakeQuantile(const Expr& aggregate, OperatorPtr input, OperatorPtr param);
// `label` is the label that takes the value.
OperatorPtr MakeCountValues(const Expr& aggregate, OperatorPtr input, std::string label);

// k of a step as the language reads it: cut towards zero, at most `most`.
int CutK(double k, int most);
// Whether any k asks for anything. kAborted for one that is no whole number at all.
absl::StatusOr<bool> CheckK(const std::vector<double>& ks);

}  // namespace promql
