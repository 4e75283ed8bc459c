#include <cmath>

#include "promql/kernels/window_functions.h"

namespace promql::kernels {
namespace {

double Seconds(model::TimeMs t) { return static_cast<double>(t) / 1000; }

// Counts the neighbours within each window for which `differs(before, after)` holds: the count up
// to the window's end minus the count up to its first sample.
template <bool kAnchored, class F>
void CountPairs(const chunk::SampleColumns& samples, const WindowGrid& windows, Row out,
                F differs) {
  const double* const values = samples.values.data();
  size_t counted_to_begin = 0, counted_to_end = 0;  // Samples looked at by either count.
  int64_t before_begin = 0, before_end = 0;
  const auto count_to = [&](size_t index, size_t* counted, int64_t* total) {
    for (; *counted <= index; ++*counted) {
      if (*counted > 0 && differs(values[*counted - 1], values[*counted])) ++*total;
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

bool Changed(double before, double after) {
  return before != after && !(std::isnan(before) && std::isnan(after));
}

bool Fell(double before, double after) { return after < before; }

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
  CountPairs<false>(samples, windows, out, Changed);
}

void Resets(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
            ScalarParams, Row out) {
  CountPairs<false>(samples, windows, out, Fell);
}

void AnchoredChanges(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
                     ScalarParams, Row out) {
  CountPairs<true>(samples, windows, out, Changed);
}

void AnchoredResets(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
                    ScalarParams, Row out) {
  CountPairs<true>(samples, windows, out, Fell);
}

}  // namespace promql::kernels
