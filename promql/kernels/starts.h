// What the starts of a counter's samples tell. A start is 0 when nobody knows it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "promql/kernels/window.h"
#include "storage/model/sample.h"

namespace promql::kernels {

struct Started {
  model::TimeMs t = 0, start = 0;
};

// Whether the counter began anew between a sample and the next one. A start at the time of the
// sample before is that of a delta, unless that sample did not know its own: then they may be of one
// counter of unknown age, told as its first sample's time.
inline bool BeganBetween(Started before, Started now) {
  if (now.start == 0 || now.start >= now.t || now.start < before.t) return false;
  if (now.start > before.t) return true;
  return before.start != 0 && before.start < before.t;
}

// Whether the later sample also counts what the sample before did, although they began at different
// times.
inline bool Overlaps(Started before, Started now) {
  return now.start != 0 && now.start < before.t && now.start != before.start;
}

// Whether the first sample in a window that begins after `window_start` counts from a time inside.
inline bool BeganInside(Started first, model::TimeMs window_start) {
  return first.start != 0 && first.start > window_start && first.start < first.t;
}

// Of sample i and the one before, i > 0.
inline bool BeganBefore(std::span<const model::TimeMs> times, std::span<const model::TimeMs> starts,
                        size_t i) {
  return BeganBetween({times[i - 1], starts[i - 1]}, {times[i], starts[i]});
}
inline bool OverlapsBefore(std::span<const model::TimeMs> times,
                           std::span<const model::TimeMs> starts, size_t i) {
  return Overlaps({times[i - 1], starts[i - 1]}, {times[i], starts[i]});
}

// How many windows hold neighbouring floats that overlap, and no histogram.
int64_t CountOverlapped(std::span<const model::TimeMs> times, std::span<const model::TimeMs> starts,
                        const std::vector<model::TimeMs>& histogram_times,
                        const WindowGrid& windows);

}  // namespace promql::kernels
