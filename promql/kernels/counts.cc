#include <cmath>

#include "promql/kernels/starts.h"
#include "promql/kernels/window_functions.h"

namespace promql::kernels {
namespace {

double Seconds(model::TimeMs t) { return static_cast<double>(t) / 1000; }

// Counts the neighbours within each window, samples i - 1 and i, for which `differs(i)` holds: the
// count up to the window's end minus the count up to its first sample.
template <bool kAnchored, class F>
void CountPairs(const chunk::SampleColumns& samples, const WindowGrid& windows, Row out,
                F differs) {
  size_t counted_to_begin = 0, counted_to_end = 0;  // Samples looked at by either count.
  int64_t before_begin = 0, before_end = 0;
  const auto count_to = [&](size_t index, size_t* counted, int64_t* total) {
    for (; *counted <= index; ++*counted) {
      if (*counted > 0 && differs(*counted)) ++*total;
    }
  };
  const auto count = [&](int i, size_t begin, size_t end) {
    count_to(begin, &counted_to_begin, &before_begin);
    count_to(end - 1, &counted_to_end, &before_end);
    out.Set(i, static_cast<double>(before_end - before_begin));
  };
  if (kAnchored) {
    ForEachAnchored(samples.times, windows, count);
  } else {
    ForEachWindow(samples.times, windows, count);
  }
}

template <bool kAnchored>
void CountChanges(const chunk::SampleColumns& samples, const WindowGrid& windows, Row out) {
  CountPairs<kAnchored>(samples, windows, out, [v = samples.values.data()](size_t i) {
    return v[i] != v[i - 1] && !(std::isnan(v[i]) && std::isnan(v[i - 1]));
  });
}

template <bool kAnchored>
void CountFalls(const chunk::SampleColumns& samples, const WindowGrid& windows, Row out) {
  CountPairs<kAnchored>(samples, windows, out,
                        [v = samples.values.data()](size_t i) { return v[i] < v[i - 1]; });
}

template <bool kAnchored>
void CountStartedResets(const chunk::SampleColumns& samples, std::span<const model::TimeMs> starts,
                        const WindowGrid& windows, Row out) {
  CountPairs<kAnchored>(samples, windows, out, [&](size_t i) {
    return samples.values[i] < samples.values[i - 1] || BeganBefore(samples.times, starts, i);
  });
}

}  // namespace

void CountOverTime(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
                   ScalarParams, Row out) {
  ForEachWindow(samples.times, windows, [&](int i, size_t begin, size_t end) {
    out.Set(i, static_cast<double>(samples.Count(begin, end)));
  });
}

void PresentOverTime(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
                     ScalarParams, Row out) {
  ForEachWindow(samples.times, windows, [&](int i, size_t, size_t) { out.Set(i, 1); });
}

void FirstOverTime(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
                   ScalarParams, Row out) {
  ForEachWindow(samples.times, windows,
                [&](int i, size_t begin, size_t) { out.Set(i, samples.values[begin]); });
}

void LastOverTime(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
                  ScalarParams, Row out) {
  ForEachWindow(samples.times, windows,
                [&](int i, size_t, size_t end) { out.Set(i, samples.values[end - 1]); });
}

void TimeOfFirst(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
                 ScalarParams, Row out) {
  ForEachWindow(samples.times, windows,
                [&](int i, size_t begin, size_t) { out.Set(i, Seconds(samples.times[begin])); });
}

void TimeOfLast(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
                ScalarParams, Row out) {
  ForEachWindow(samples.times, windows, [&](int i, size_t, size_t end) {
    out.Set(i, Seconds(samples.times[end - 1]));
  });
}

void Changes(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
             ScalarParams, Row out) {
  CountChanges<false>(samples, windows, out);
}

void Resets(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
            ScalarParams, Row out) {
  CountFalls<false>(samples, windows, out);
}

void AnchoredChanges(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
                     ScalarParams, Row out) {
  CountChanges<true>(samples, windows, out);
}

void AnchoredResets(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
                    ScalarParams, Row out) {
  CountFalls<true>(samples, windows, out);
}

void StartedResets(const chunk::SampleColumns& samples, std::span<const model::TimeMs> starts,
                   const WindowGrid& windows, Row out) {
  CountStartedResets<false>(samples, starts, windows, out);
}

void StartedAnchoredResets(const chunk::SampleColumns& samples,
                           std::span<const model::TimeMs> starts, const WindowGrid& windows,
                           Row out) {
  CountStartedResets<true>(samples, starts, windows, out);
}

}  // namespace promql::kernels
