// What a function over windows does not look at need not be read, nor kept. The edges of windows cut
// time into cells: two samples of a cell are in the same windows. So of a cell that holds an hour of a
// counter its first and last sample tell a rate as much as all of them do, to the last bit.
#pragma once

#include <cstdint>
#include <span>

#include "storage/chunk/chunk.h"

namespace chunk {

// What of each cell, and so of each window, somebody looks at. Stale markers are taken for absent,
// but for kLast.
enum class Want : uint8_t {
  kAll,
  kCount,    // How many there are, and the times of the first and the last; no values.
  kLast,     // The last sample, be it a stale marker.
  kEnds,     // The first one and the last two.
  kFalls,    // kEnds, and neighbours of which the later is lower, or either is NaN.
  kChanges,  // kEnds, and neighbours that differ, or of which either is NaN.
  kMin,      // The least value, or, when all are NaN, the last of them; its time is another.
  kMax,
};

// At step i the window is (end(i) - range_ms, end(i)], end(i) = first_end + i * step_ms. A sample
// that is in no window is not wanted.
struct Windows {
  model::TimeMs first_end = 0;
  int64_t step_ms = 0;  // 0: all steps have the same window.
  int steps = 1;
  int64_t range_ms = 0;
  Want want = Want::kAll;

  struct Cell {
    model::TimeMs last;  // All from the time asked for to here are in the same windows.
    bool touched;        // In any.
  };
  Cell CellOf(model::TimeMs t) const;
  // Whether cells are so short that samples `every_ms` apart are wanted nearly all.
  bool Dense(int64_t every_ms) const;
};

// Counts the samples of *columns that are not counted in `through` yet, each as itself.
void CountEach(SampleColumns* columns);
// Appends those of the samples that are wanted to *out, and to out->through how many they stand for.
// The samples are later than those of *out, and continue where they ended: what `windows` wants of a
// cell is told of each piece of it. Without `values` for kCount only, and then none is a stale marker.
void AppendThin(std::span<const model::TimeMs> times, const double* values, const Windows& windows,
                SampleColumns* out);
// Appends `later`, of which samples were left out already or, if it lacks `through`, may be.
void AppendLater(const SampleColumns& later, const Windows& windows, SampleColumns* out);
// One sample with this time and value that stands for `n`.
void AppendStandIn(model::TimeMs t, double value, size_t n, SampleColumns* out);

}  // namespace chunk
