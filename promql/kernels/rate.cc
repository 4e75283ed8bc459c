#include <vector>

#include "promql/kernels/counter.h"
#include "promql/kernels/window_functions.h"

namespace promql::kernels {
namespace {

// How far the increase from the first to the last of `count` samples is stretched towards the
// edges of the window. spec 1.5, steps 4 to 8.
template <bool kCounter>
double ExtrapolationFactor(model::TimeMs range_start, model::TimeMs range_end,
                           model::TimeMs first_time, model::TimeMs last_time, size_t count,
                           double first_value, double increase) {
  double to_start = static_cast<double>(first_time - range_start) / 1000;
  double to_end = static_cast<double>(range_end - last_time) / 1000;
  const double sampled = static_cast<double>(last_time - first_time) / 1000;
  const double between_samples = sampled / static_cast<double>(count - 1);
  const double threshold = between_samples * 1.1;
  if (to_start >= threshold) to_start = between_samples / 2;
  if (kCounter && increase > 0 && first_value >= 0) {
    // A counter is not taken below zero.
    const double to_zero = sampled * (first_value / increase);
    if (to_zero < to_start) to_start = to_zero;
  }
  if (to_end >= threshold) to_end = between_samples / 2;
  return sampled == 0 ? 1 : (sampled + to_start + to_end) / sampled;
}

// The same from the start of the first sample, where the counter was zero.
double FactorFromStart(model::TimeMs range_end, model::TimeMs start, model::TimeMs first_time,
                       model::TimeMs last_time, size_t count) {
  double to_end = static_cast<double>(range_end - last_time) / 1000;
  double between_samples = 0;
  if (count > 1) {
    between_samples =
        static_cast<double>(last_time - first_time) / 1000 / static_cast<double>(count - 1);
  }
  if (to_end >= between_samples * 1.1) to_end = between_samples / 2;
  const double sampled = static_cast<double>(last_time - start) / 1000;
  return (sampled + to_end) / sampled;
}

// The resets of the whole series are found once. A window then adds the value before each of its
// own resets to last - first, in their order: the same additions a scan of the window would make.
// With kStarts, a counter, they are also told by `starts`.
template <bool kCounter, bool kPerSecond, bool kStarts = false>
void Extrapolated(const chunk::SampleColumns& samples, std::span<const model::TimeMs> starts,
                  const WindowGrid& windows, Row out) {
  static thread_local std::vector<size_t> resets;
  if (kStarts) {
    FindResets(samples, starts, &resets);
  } else if (kCounter) {
    FindResets(samples.values, &resets);
  }
  const double range_seconds = Seconds(windows.range_ms);
  const model::TimeMs* const times = samples.times.data();
  const double* const values = samples.values.data();
  size_t next_reset = 0;  // The first whose sample before it is inside the window.
  ForEachWindow(samples.times, windows, [&](int i, size_t begin, size_t end) {
    const model::TimeMs range_end = windows.end(i), range_start = range_end - windows.range_ms;
    const bool from_start = kStarts && BeganInside({times[begin], starts[begin]}, range_start);
    if (end - begin < 2 && !from_start) return;
    double increase = values[end - 1] - values[begin];
    if (kCounter) {
      while (next_reset < resets.size() && resets[next_reset] <= begin) ++next_reset;
      for (size_t r = next_reset; r < resets.size() && resets[r] < end; ++r) {
        increase += values[resets[r] - 1];
      }
    }
    double factor = 0;
    if (from_start) {
      increase += values[begin];
      factor = FactorFromStart(range_end, starts[begin], times[begin], times[end - 1], end - begin);
    } else {
      factor = ExtrapolationFactor<kCounter>(range_start, range_end, times[begin], times[end - 1],
                                             samples.Count(begin, end), values[begin], increase);
    }
    if (kPerSecond) factor /= range_seconds;
    out.Set(i, increase * factor);
  });
}

template <bool kCounter, bool kStarts = false>
void LastTwo(const chunk::SampleColumns& samples, std::span<const model::TimeMs> starts,
             const WindowGrid& windows, Row out) {
  ForEachWindow(samples.times, windows, [&](int i, size_t begin, size_t end) {
    if (end - begin < 2) return;
    const double last = samples.values[end - 1], before = samples.values[end - 2];
    const model::TimeMs interval_ms = samples.times[end - 1] - samples.times[end - 2];
    if (interval_ms == 0) return;
    const bool reset =
        kCounter && (last < before || (kStarts && BeganBefore(samples.times, starts, end - 1)));
    double result = reset ? last : last - before;
    if (kCounter) result /= static_cast<double>(interval_ms) / 1000;
    out.Set(i, result);
  });
}

}  // namespace

void Rate(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
          ScalarParams, Row out) {
  Extrapolated<true, true>(samples, {}, windows, out);
}

void Increase(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
              ScalarParams, Row out) {
  Extrapolated<true, false>(samples, {}, windows, out);
}

void Delta(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
           ScalarParams, Row out) {
  Extrapolated<false, false>(samples, {}, windows, out);
}

void InstantRate(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
                 ScalarParams, Row out) {
  LastTwo<true>(samples, {}, windows, out);
}

void InstantDelta(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
                  ScalarParams, Row out) {
  LastTwo<false>(samples, {}, windows, out);
}

void StartedRate(const chunk::SampleColumns& samples, std::span<const model::TimeMs> starts,
                 const WindowGrid& windows, Row out) {
  Extrapolated<true, true, true>(samples, starts, windows, out);
}

void StartedIncrease(const chunk::SampleColumns& samples, std::span<const model::TimeMs> starts,
                     const WindowGrid& windows, Row out) {
  Extrapolated<true, false, true>(samples, starts, windows, out);
}

void StartedInstantRate(const chunk::SampleColumns& samples, std::span<const model::TimeMs> starts,
                        const WindowGrid& windows, Row out) {
  LastTwo<true, true>(samples, starts, windows, out);
}

}  // namespace promql::kernels
