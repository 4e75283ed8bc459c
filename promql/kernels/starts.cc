#include "promql/kernels/starts.h"

namespace promql::kernels {

int64_t CountOverlapped(std::span<const model::TimeMs> times, std::span<const model::TimeMs> starts,
                        const std::vector<model::TimeMs>& histogram_times,
                        const WindowGrid& windows) {
  size_t begin = 0, end = 0, histogram_begin = 0, histogram_end = 0;
  size_t overlap = 1;  // The first behind `begin`, or where to go on looking for it.
  int64_t count = 0;
  for (int i = 0; i < windows.steps; ++i) {
    const model::TimeMs last = windows.end(i), before = last - windows.range_ms;
    end = PassTimes(times.data(), end, times.size(), last);
    begin = PassTimes(times.data(), begin, end, before);
    const size_t all = histogram_times.size();
    histogram_end = PassTimes(histogram_times.data(), histogram_end, all, last);
    histogram_begin = PassTimes(histogram_times.data(), histogram_begin, histogram_end, before);
    if (histogram_begin < histogram_end) continue;
    if (overlap <= begin) overlap = begin + 1;
    while (overlap < end && !OverlapsBefore(times, starts, overlap)) ++overlap;
    count += overlap < end;
  }
  return count;
}

}  // namespace promql::kernels
