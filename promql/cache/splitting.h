// Which queries can be answered step by step, and what each step looks at.
#pragma once

#include <optional>

#include "promql/ast.h"
#include "promql/cache/reach.h"
#include "promql/engine.h"
#include "promql/plan.h"
#include "promql/range_watch.h"

namespace promql {

// The answer at step t follows from the samples in the reach of t, whatever the other steps are.
struct Splitting {
  Reach reach;
  RangeWatch watch;  // What is known only once the query runs.
};

// Nothing when the answer may hang on the range, to the last bit: start(), end(), @ end(); functions
// and operators that look at all steps at once; a sum over what comes in an order that hangs on which
// series are there in other steps (sums of sums, of joins, of unions). `grid` is the query's.
std::optional<Splitting> FindSplitting(const Expr& expr, const Grid& grid,
                                       const PlanOptions& options);

}  // namespace promql
