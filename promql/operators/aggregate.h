// sum, avg, count, min, max, group, stddev, stdvar: rows fold into their groups as they pass.
// Memory: groups x steps, charged to the query. Histograms: sum and avg add them up, count and group
// count them, the others leave them out with an info.
#pragma once

#include "promql/ast.h"
#include "promql/operator.h"

namespace promql {

// `aggregate` outlives the operator. Groups come in the order their first series does.
OperatorPtr MakeAggregate(const Expr& aggregate, OperatorPtr input);

// The info that `aggregate` has left out a histogram.
void InformOfIgnored(const Expr& aggregate, PositionRange pos, AnnotationSink* annotations);

// The group of each series of an aggregation's input.
struct Groups {
  std::vector<int> of;                // Series -> group.
  std::vector<model::Labels> labels;  // By group.
};
Groups MakeGroups(const Expr& aggregate, const BorrowedSeries& series);

}  // namespace promql
