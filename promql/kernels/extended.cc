#include "promql/kernels/extended.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "promql/kernels/counter.h"
#include "promql/kernels/window_functions.h"

namespace promql::kernels {
namespace {

// The value at time `t` on the line from sample `i` to the next. A counter that falls between them
// started from zero.
double Interpolate(const chunk::SampleColumns& samples, size_t i, model::TimeMs t, bool counter) {
  const double after = samples.values[i + 1];
  const double before = counter && after < samples.values[i] ? 0 : samples.values[i];
  return before + (after - before) * static_cast<double>(t - samples.times[i]) /
                      static_cast<double>(samples.times[i + 1] - samples.times[i]);
}

// What a counter lost on the way from `left` over samples [begin, end) to `right`. `resets` are
// those of the whole series, *next the first of them later than any window's begin so far.
double LostInResets(const std::vector<double>& values, const std::vector<size_t>& resets,
                    size_t* next, double left, size_t begin, size_t end, double right) {
  if (begin >= end) return right < left ? left : 0;
  double lost = values[begin] < left ? left : 0;
  while (*next < resets.size() && resets[*next] <= begin) ++*next;
  for (size_t r = *next; r < resets.size() && resets[r] < end; ++r) lost += values[resets[r] - 1];
  return right < values[end - 1] ? lost + values[end - 1] : lost;
}

// rate, increase and delta without extrapolation. `anchored` measures from the newest sample at or
// before the window's start to the last one in it; `smoothed` from edge to edge of the window,
// between the samples on both sides of each.
template <bool kSmoothed, bool kCounter, bool kPerSecond>
void Extended(const chunk::SampleColumns& samples, const WindowGrid& windows, Row out) {
  static thread_local std::vector<size_t> resets;
  if (kCounter) FindResets(samples.values, &resets);
  const double range_seconds = Seconds(windows.range_ms);
  const model::TimeMs* const times = samples.times.data();
  size_t next_reset = 0, at_end = 0;
  ForEachReach(samples.times, windows, [&](int i, size_t begin, size_t inside, size_t end) {
    if (inside == end) return;
    const model::TimeMs range_end = windows.end(i), range_start = range_end - windows.range_ms;
    size_t first = inside > begin ? inside - 1 : begin, last = end - 1;
    if (kSmoothed) {
      at_end = PassTimes(times, std::max(at_end, begin), end, range_end - 1);
      last = std::min(at_end, last);
      if (times[first] > range_end) return;
    }
    const Edges edges = FindEdges(samples, begin, first, last, range_start, range_end, kSmoothed,
                                  kCounter);
    double result = edges.right - edges.left;
    if (kCounter) {
      result += LostInResets(samples.values, resets, &next_reset, edges.left, edges.begin,
                             edges.end, edges.right);
    }
    if (kPerSecond) result /= range_seconds;
    out.Set(i, result);
  });
}

}  // namespace

Edges FindEdges(const chunk::SampleColumns& samples, size_t begin, size_t first, size_t last,
                model::TimeMs range_start, model::TimeMs range_end, bool smoothed, bool counter) {
  const model::TimeMs* const times = samples.times.data();
  Edges edges;
  edges.left = smoothed && times[first] < range_start
                   ? Interpolate(samples, first, range_start, counter)
                   : samples.values[first];
  edges.right = smoothed && last > begin && times[last] > range_end
                    ? Interpolate(samples, last - 1, range_end, counter)
                    : samples.values[last];
  edges.begin = times[first] <= range_start ? first + 1 : first;
  edges.end = times[last] >= range_end ? last : last + 1;
  return edges;
}

void ExtendToEdges(const WindowGrid& windows, Smoothing smoothing, chunk::SampleColumns* samples) {
  const model::TimeMs range_end = windows.end(0), range_start = range_end - windows.range_ms;
  chunk::SampleColumns extended;
  ForEachReach(samples->times, windows, [&](int, size_t begin, size_t inside, size_t end) {
    if (inside == end) return;
    const bool smoothed = smoothing == Smoothing::kSmoothed;
    size_t last = end - 1;
    if (smoothed) last = std::min(last, PassTimes(samples->times.data(), begin, end, range_end - 1));
    const Edges edges = FindEdges(*samples, begin, inside > begin ? inside - 1 : begin, last,
                                  range_start, range_end, smoothed, /*counter=*/false);
    const auto add = [&](model::TimeMs t, double v) {
      extended.times.push_back(t);
      extended.values.push_back(v);
    };
    add(range_start, edges.left);
    for (size_t i = edges.begin; i < edges.end; ++i) add(samples->times[i], samples->values[i]);
    add(range_end, edges.right);
  });
  std::swap(samples->times, extended.times);
  std::swap(samples->values, extended.values);
}

void LaySmoothed(const chunk::SampleColumns& samples, const WindowGrid& windows, Row out) {
  size_t at = 0;  // The first sample at or after the step.
  ForEachReach(samples.times, windows, [&](int i, size_t begin, size_t, size_t end) {
    const model::TimeMs t = windows.end(i);
    at = PassTimes(samples.times.data(), std::max(at, begin), end, t - 1);
    if (at < end && samples.times[at] == t) {
      out.Set(i, samples.values[at]);
    } else if (at > begin) {
      out.Set(i, at < end ? Interpolate(samples, at - 1, t, /*counter=*/false)
                          : samples.values[at - 1]);
    }
  });
}

#define PROMQL_EXTENDED(Name, ...)                                                             \
  void Name(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,       \
            ScalarParams, Row out) {                                                           \
    Extended<__VA_ARGS__>(samples, windows, out);                                              \
  }
PROMQL_EXTENDED(AnchoredRate, false, true, true)
PROMQL_EXTENDED(AnchoredIncrease, false, true, false)
PROMQL_EXTENDED(AnchoredDelta, false, false, false)
PROMQL_EXTENDED(SmoothedRate, true, true, true)
PROMQL_EXTENDED(SmoothedIncrease, true, true, false)
PROMQL_EXTENDED(SmoothedDelta, true, false, false)
#undef PROMQL_EXTENDED

}  // namespace promql::kernels
