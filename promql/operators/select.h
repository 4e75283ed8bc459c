// The newest sample of each series within the lookback, at each step.
#pragma once

#include "promql/functions/functions.h"
#include "promql/operator.h"
#include "promql/operators/selections.h"
#include "promql/samples.h"

namespace promql {

// What a cell holds: the value; or of that sample, in seconds, its time or its start.
enum class SelectValue { kSample, kTimestamp, kStart };

// `plan` is a kSelect, kTimestamps or kStarts and, like `selections`, outlives the operator. Series
// come in label order; those without any cell are left out of the tiles. timestamp() and
// start_timestamp() keep the names here; their caller drops them.
OperatorPtr MakeSelect(const PlanNode& plan, Selections* selections, SelectValue value);

// Lays samples on the grid: at step i the newest one in (end(i) - range_ms, end(i)], unless it is a
// stale marker. One pass, no allocation. `out` is absent on entry. Of floats; no starts.
void LayNewest(const chunk::SampleColumns& samples, const WindowGrid& windows, SelectValue value,
               Row out);
// The same of any series; `out` can hold histograms where there are some.
void LayNewestMixed(const Samples& samples, const WindowGrid& windows, SelectValue value, Row out);

}  // namespace promql
