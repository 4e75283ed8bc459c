// A function of a range vector: each series is read once for all steps and laid on the grid.
#pragma once

#include <memory>
#include <vector>

#include "promql/functions/functions.h"
#include "promql/operator.h"
#include "promql/operators/subquery.h"

namespace promql {

// `plan` is a kWindow and outlives the operator. `params` are the scalar arguments in order. Names
// stay on the series; whoever builds drops them, unless the function keeps them.
OperatorPtr MakeWindow(const PlanNode& plan, const WindowSpec& spec,
                       std::unique_ptr<SampleSource> source, std::vector<OperatorPtr> params);

// Counts the samples that each window holds; with `reads` those that no window before it held are
// read there.
void CountInWindows(const chunk::SampleColumns& samples, const WindowGrid& windows, bool reads,
                    SampleTally* tally);

}  // namespace promql
