// Match groups of a binary operator: series of both sides that agree on the matching labels.
#pragma once

#include <string>
#include <vector>

#include "promql/ast.h"
#include "promql/operator.h"

namespace promql {

struct MatchGroups {
  int count = 0;
  std::vector<int> lhs, rhs;  // Series -> group.
};
MatchGroups MatchSeries(const VectorMatching& matching, const BorrowedSeries& lhs,
                        const BorrowedSeries& rhs);

// The labels that the match group of a series is known by.
model::Labels MatchLabels(const VectorMatching& matching, model::LabelsView labels,
                          bool hide_metadata);

}  // namespace promql
