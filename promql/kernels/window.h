// The windows of a range selector on the grid, and how to walk them over a series' times.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "promql/kernels/window_edges.h"
#include "storage/model/sample.h"

namespace promql {

// Windows on the grid: at step i the window is (end(i) - range_ms, end(i)], end(i) = first_end +
// i * step_ms, offsets and @ already applied.
struct WindowGrid {
  model::TimeMs first_end = 0;
  int64_t step_ms = 0;
  int steps = 1;
  int64_t range_ms = 0;
  // How far past its edges a window may look for the sample beside it: `anchored`, `smoothed`.
  int64_t before_ms = 0, after_ms = 0;
  // Of the times of the samples at hand, where the caller keeps them for the next series.
  kernels::WindowEdges* edges = nullptr;
  model::TimeMs end(int i) const { return first_end + i * step_ms; }
  // All that any of the windows looks at.
  model::TimeRange reach() const {
    return {first_end - range_ms - before_ms + 1, end(steps - 1) + after_ms};
  }
};

// Parameters of a function that are scalars: params[k][i] is the k-th at step i.
using ScalarParams = std::span<const double* const>;

namespace kernels {

// The first index at or after `from` whose time is later than `limit`. Short moves cost a step
// each, long ones a logarithm.
inline size_t PassTimes(const model::TimeMs* times, size_t from, size_t size,
                        model::TimeMs limit) {
  for (int i = 0; i < 8; ++i, ++from) {
    if (from == size || times[from] > limit) return from;
  }
  size_t leap = 8;
  while (from + leap < size && times[from + leap] <= limit) from += leap, leap *= 2;
  size_t end = from + leap < size ? from + leap : size;  // times[end] > limit, were it there.
  while (from < end) {
    const size_t middle = from + (end - from) / 2;
    if (times[middle] <= limit) {
      from = middle + 1;
    } else {
      end = middle;
    }
  }
  return from;
}

// Calls f(step, begin, end) for each window that has samples: those of indices [begin, end). Both
// edges only move forward.
template <class F>
void ForEachWindow(const std::vector<model::TimeMs>& times, const WindowGrid& windows, F f) {
  if (windows.edges != nullptr) {
    windows.edges->Find(times, windows);
    for (int i = 0; i < windows.steps; ++i) {
      const size_t begin = windows.edges->begin(i), end = windows.edges->end(i);
      if (begin < end) f(i, begin, end);
    }
    return;
  }
  size_t begin = 0, end = 0;
  for (int i = 0; i < windows.steps; ++i) {
    const model::TimeMs window_end = windows.end(i);
    end = PassTimes(times.data(), end, times.size(), window_end);
    begin = PassTimes(times.data(), begin, end, window_end - windows.range_ms);
    if (begin < end) f(i, begin, end);
  }
}

// Calls f(step, begin, inside, end) for each window with samples [begin, end) in its reach, those
// from `inside` on later than its start.
template <class F>
void ForEachReach(const std::vector<model::TimeMs>& times, const WindowGrid& windows, F f) {
  size_t begin = 0, inside = 0, end = 0;
  for (int i = 0; i < windows.steps; ++i) {
    const model::TimeMs start = windows.end(i) - windows.range_ms;
    end = PassTimes(times.data(), end, times.size(), windows.end(i) + windows.after_ms);
    begin = PassTimes(times.data(), begin, end, start - windows.before_ms);
    inside = PassTimes(times.data(), inside, end, start);
    if (begin < end) f(i, begin, inside, end);
  }
}

// ForEachWindow for `anchored`: windows with samples, which begin with the newest one in reach at or
// before the window's start, if there is one.
template <class F>
void ForEachAnchored(const std::vector<model::TimeMs>& times, const WindowGrid& windows, F f) {
  ForEachReach(times, windows, [&](int i, size_t begin, size_t inside, size_t end) {
    if (inside < end) f(i, inside > begin ? inside - 1 : begin, end);
  });
}

}  // namespace kernels
}  // namespace promql
