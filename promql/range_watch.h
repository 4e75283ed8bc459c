// Whether what a query answers at one step may hang on which other steps are asked for. Most often it
// does not; then answers for some of the steps can be put together to one for all (cache/).
#pragma once

#include <absl/container/flat_hash_set.h>

#include "promql/ast.h"

namespace promql {

struct RangeWatch {
  // Aggregations and functions whose input comes in an order that hangs on the range. They say when
  // that made, or may have made, a difference.
  absl::flat_hash_set<const Expr*> unordered;
  bool hangs = false;  // It may.
};

}  // namespace promql
