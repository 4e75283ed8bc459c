// Samples at the very edges of a window: what `anchored` and `smoothed` add to it. The windows given
// reach past their edges (WindowGrid::before_ms, after_ms), and so do the samples.
#pragma once

#include <cstddef>

#include "promql/ast.h"
#include "promql/kernels/window.h"
#include "promql/operator.h"
#include "storage/chunk/chunk.h"

namespace promql::kernels {

// The values at both edges, and the samples [begin, end) strictly between them.
struct Edges {
  double left = 0, right = 0;
  size_t begin = 0, end = 0;
};

// `first` is the newest sample at or before `range_start`, or else the first in reach, which is
// `begin`; `last` the last one, or with `smoothed` the first at or after `range_end`, if there is one.
Edges FindEdges(const chunk::SampleColumns& samples, size_t begin, size_t first, size_t last,
                model::TimeMs range_start, model::TimeMs range_end, bool smoothed, bool counter);

// For a bare range vector (one step): samples at both edges take the place of what lies outside;
// nothing is left when no sample is later than the window's start.
void ExtendToEdges(const WindowGrid& windows, Smoothing smoothing, chunk::SampleColumns* samples);

// For an instant vector marked `smoothed`: at each step the value on the line between the samples
// around it, or the one before it if none follows. No stale markers; `out` is absent on entry.
void LaySmoothed(const chunk::SampleColumns& samples, const WindowGrid& windows, Row out);

}  // namespace promql::kernels
