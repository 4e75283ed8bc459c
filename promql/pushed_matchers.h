// What selectors may be asked for besides what they say: a{job="x"} and on (job) b needs no b of
// another job. Pushed only where answer, errors and annotations are the same:
//   - on labels that both sides are matched by, from `and` to both sides, from `unless` to the right;
//     and from either side of a join without fill whose "one" side cannot be ambiguous by what it is
//     (sum by (job) under on (job)): otherwise two series that match nothing are still an error;
//   - into expressions that have nothing to say of the series they lose: selectors, last_over_time and
//     first_over_time of them, count and group of those. Of any other, histograms may be spoken of.
// What cannot be told before data is seen is told by labels later: Operator::LeaveOut.
#pragma once

#include <vector>

#include <absl/container/flat_hash_map.h>

#include "promql/ast.h"
#include "storage/model/matcher.h"

namespace promql {

// By kVectorSelector. Selectors that stand in the query more than once get the same or nothing, as one
// Select serves them all.
using PushedMatchers = absl::flat_hash_map<const Expr*, std::vector<model::Matcher>>;
PushedMatchers FindPushedMatchers(const Expr& expr);

}  // namespace promql
