// Parts of a query that stand in it more than once: rate(x[5m]) / (rate(x[5m]) + y).
#pragma once

#include "promql/plan.h"

namespace promql {

// Sets PlanNode::equal_part and Plan::equal_parts. Equal are nodes of the same grid that give the
// same rows and count the same samples; what differs is where they stand in the text, which
// annotations tell. Of those the last place stays (AnnotationSink), so the last is evaluated.
// Left out is what costs hardly more than holding its rows: selectors, numbers, what reads nothing.
// And windows that look at start times: how often samples overlap is counted for each of them.
void FindEqualParts(Plan* plan);

}  // namespace promql
