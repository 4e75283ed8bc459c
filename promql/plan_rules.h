// The rules MakePlan follows, each by itself.
#pragma once

#include <optional>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "promql/ast.h"
#include "promql/engine.h"

namespace promql {

// The constant that start(), end(), range() and step() stand for; nothing for other calls.
std::optional<double> QueryConstant(const Expr& call, const Grid& query);

// offset and @ of the first selector in the text, then of the subqueries around it from the inside
// out. Empty when there is no selector.
std::vector<const TimeShift*> FirstSelectorShifts(const Expr& expr);

// Which parts of an expression give the same at every step, and at which of them evaluation is
// split off (the highest that are worth it). As Prometheus decides it, with its exceptions.
struct Invariance {
  bool invariant = false;  // The same at every step.
  bool wrap = false;       // Worth evaluating once and repeating.
};
using InvarianceMap = absl::flat_hash_map<const Expr*, Invariance>;
InvarianceMap FindInvariants(const Expr& expr);

}  // namespace promql
