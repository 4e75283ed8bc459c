#include <algorithm>
#include <vector>

#include "promql/kernels/counter.h"
#include "promql/kernels/window_functions.h"
#include "storage/base/clones.h"

namespace promql::kernels {
namespace {

// Whether any sample is lower than the one before, told without branches.
TIDEMARK_CLONES bool AnyFalls(const double* values, size_t begin, size_t end) {
  uint64_t any = 0;
  for (size_t i = begin; i < end; ++i) any |= uint64_t{values[i] < values[i - 1]};
  return any != 0;
}

// spec 1.5, steps 4 to 8: increases are stretched towards the edges of their windows. Divided by
// `seconds`, which is 1 for the increase itself.
TIDEMARK_CLONES void Stretch(const double* __restrict sampled, const double* __restrict to_start,
                             const double* __restrict to_end, double seconds, int n,
                             double* __restrict increases) {
  for (int i = 0; i < n; ++i) {
    const double factor = (sampled[i] + to_start[i] + to_end[i]) / sampled[i];
    increases[i] *= factor / seconds;
  }
}

// The same of a counter, which is not taken below zero.
TIDEMARK_CLONES void StretchCounter(const double* __restrict sampled,
                                    const double* __restrict to_start,
                                    const double* __restrict to_end,
                                    const double* __restrict first_values, double seconds, int n,
                                    double* __restrict increases) {
  for (int i = 0; i < n; ++i) {
    const double increase = increases[i], to_zero = sampled[i] * (first_values[i] / increase);
    const bool cut = (increase > 0) & (first_values[i] >= 0) & (to_zero < to_start[i]);
    const double before = cut ? to_zero : to_start[i];
    const double factor = (sampled[i] + before + to_end[i]) / sampled[i];
    increases[i] = increase * (factor / seconds);
  }
}

// Adds to the increase of each window the value before each reset inside: the windows of a reset
// are neighbours, and a window gets its resets in their order.
void AddResets(const WindowSpans& s, const std::vector<size_t>& resets, const double* values, int n,
               double* increases) {
  int from = 0;
  for (const size_t reset : resets) {
    const auto at = static_cast<int32_t>(reset);
    while (from < n && s.last[from] < at) ++from;
    for (int i = from; i < n; ++i) {
      if (s.first[i] >= at) break;
      if (s.last[i] >= at) increases[i] += values[reset - 1];
    }
  }
}

// All windows at once, column by column.
template <bool kCounter, bool kPerSecond>
void Extrapolated(const chunk::SampleColumns& samples, const WindowGrid& windows, Row out) {
  static thread_local WindowEdges own_edges;
  static thread_local std::vector<size_t> resets;
  static thread_local std::vector<double> first_values;
  if (samples.size() < 2) return;
  WindowEdges* const edges = windows.edges != nullptr ? windows.edges : &own_edges;
  if (edges == &own_edges) own_edges.Forget();
  const WindowSpans& spans = edges->Spans(samples, windows);
  const double* const values = samples.values.data();
  const double seconds = kPerSecond ? Seconds(windows.range_ms) : 1;
  const int n = windows.steps;
  first_values.resize(n);
  for (int i = 0; i < n; ++i) {
    first_values[i] = values[spans.first[i]];
    out.values[i] = values[spans.last[i]] - first_values[i];
  }
  if (kCounter) {
    FindResets(samples.values, &resets);
    AddResets(spans, resets, values, n, out.values);
    StretchCounter(spans.sampled.data(), spans.to_start.data(), spans.to_end.data(),
                   first_values.data(), seconds, n, out.values);
  } else {
    Stretch(spans.sampled.data(), spans.to_start.data(), spans.to_end.data(), seconds, n,
            out.values);
  }
  for (size_t w = 0; w < spans.present.size(); ++w) out.present[w] |= spans.present[w];
}

// One window's factor. A counter is not taken below zero.
double ExtrapolationFactor(const WindowSpan& span, double first_value, double increase) {
  double to_start = span.to_start;
  if (increase > 0 && first_value >= 0) {
    to_start = std::min(to_start, span.sampled * (first_value / increase));
  }
  return (span.sampled + to_start + span.to_end) / span.sampled;
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

// Of samples with starts, which also tell of resets, window by window.
template <bool kPerSecond>
void ExtrapolatedFromStarts(const chunk::SampleColumns& samples,
                            std::span<const model::TimeMs> starts, const WindowGrid& windows,
                            Row out) {
  static thread_local std::vector<size_t> resets;
  FindResets(samples, starts, &resets);
  const double range_seconds = Seconds(windows.range_ms);
  const model::TimeMs* const times = samples.times.data();
  const double* const values = samples.values.data();
  size_t next_reset = 0;  // The first whose sample before it is inside the window.
  ForEachWindow(samples.times, windows, [&](int i, size_t begin, size_t end) {
    const model::TimeMs range_end = windows.end(i), range_start = range_end - windows.range_ms;
    const bool from_start = BeganInside({times[begin], starts[begin]}, range_start);
    if (end - begin < 2 && !from_start) return;
    double increase = values[end - 1] - values[begin];
    while (next_reset < resets.size() && resets[next_reset] <= begin) ++next_reset;
    for (size_t r = next_reset; r < resets.size() && resets[r] < end; ++r) {
      increase += values[resets[r] - 1];
    }
    double factor = 0;
    if (from_start) {
      increase += values[begin];
      factor = FactorFromStart(range_end, starts[begin], times[begin], times[end - 1], end - begin);
    } else {
      const WindowSpan span = SpanOf(samples, begin, end, range_end, windows.range_ms);
      factor = ExtrapolationFactor(span, values[begin], increase);
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

void FindResets(const std::vector<double>& values, std::vector<size_t>* resets) {
  constexpr size_t kFew = 64;
  resets->clear();
  for (size_t begin = 1; begin < values.size(); begin += kFew) {
    const size_t end = std::min(begin + kFew, values.size());
    if (!AnyFalls(values.data(), begin, end)) continue;
    for (size_t i = begin; i < end; ++i) {
      if (values[i] < values[i - 1]) resets->push_back(i);
    }
  }
}

void Rate(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
          ScalarParams, Row out) {
  Extrapolated<true, true>(samples, windows, out);
}

void Increase(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
              ScalarParams, Row out) {
  Extrapolated<true, false>(samples, windows, out);
}

void Delta(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
           ScalarParams, Row out) {
  Extrapolated<false, false>(samples, windows, out);
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
  ExtrapolatedFromStarts<true>(samples, starts, windows, out);
}

void StartedIncrease(const chunk::SampleColumns& samples, std::span<const model::TimeMs> starts,
                     const WindowGrid& windows, Row out) {
  ExtrapolatedFromStarts<false>(samples, starts, windows, out);
}

void StartedInstantRate(const chunk::SampleColumns& samples, std::span<const model::TimeMs> starts,
                        const WindowGrid& windows, Row out) {
  LastTwo<true, true>(samples, starts, windows, out);
}

}  // namespace promql::kernels
