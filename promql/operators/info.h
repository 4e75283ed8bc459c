// info(v, {labels}): adds the labels of info series with the same instance and job.
#pragma once

#include "promql/operator.h"
#include "promql/plan.h"

namespace promql {

// `plan` is a kInfo and outlives the operator. Series whose labels come out equal are for the caller
// to merge. Reads the info series when asked for its own: their values say which labels there are.
// kAborted: two info series of one name are equally new at a step, or two names disagree on a label.
OperatorPtr MakeInfo(const PlanNode& plan, OperatorPtr input);

}  // namespace promql
