// The label work of a join: which series meet and what their result is called.
#pragma once

#include <vector>

#include "promql/ast.h"
#include "promql/operators/match_groups.h"

namespace promql {

// A series of the "many" side (one-to-one: the left) and one of the "one" side of its match group.
struct JoinPair {
  int one = 0;    // Series of the "one" side; -1: none there, fill_right's value stands in.
  int out = 0;    // Series of the result.
  // Pairs with the same id may not meet at the same step: the matching would not be unique. -1: no
  // other pair has it.
  int match = -1;
};

// A series of the "one" side where its group has none of the other: fill_left's value stands in.
struct JoinFill {
  int one = 0;
  int out = 0;
};

struct JoinLabels {
  std::vector<int> many_group, one_group;  // Series -> match group.
  int num_groups = 0;
  std::vector<int> first_pair;    // Many series -> its first pair; one more at the end.
  std::vector<JoinPair> pairs;
  std::vector<JoinFill> fills;
  std::vector<model::Labels> series;
  int num_matches = 0;
  // Results below this have pairs of one many series only; their numbers ascend with it.
  int num_passing = 0;
};

// `drop_metadata`: the result has no name. fill_left is about the "many" side and fill_right about
// the "one" side, also where group_right has swapped the two: so it is in Prometheus.
JoinLabels MakeJoinLabels(const VectorMatching& matching, const BorrowedSeries& lhs,
                          const BorrowedSeries& rhs, bool drop_metadata);

}  // namespace promql
