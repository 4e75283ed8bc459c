// Sliding minimum and maximum by monotonic queue: a candidate leaves when a better one arrives
// after it or when the window moves past it, so every sample is queued and dropped once.
#include <cmath>
#include <vector>

#include "promql/kernels/window_functions.h"

namespace promql::kernels {
namespace {

// emit(step, index of the window's best value). `beats(a, b)`: the later value a replaces b. NaN is
// never a candidate; a window of nothing but NaN answers with its last sample.
template <class Beats, class Emit>
void SlideBest(const chunk::SampleColumns& samples, const WindowGrid& windows, Beats beats,
               Emit emit) {
  static thread_local std::vector<size_t> queue;
  queue.resize(samples.size());
  const double* const values = samples.values.data();
  size_t head = 0, tail = 0;  // The queue is [head, tail): indices ascend, values get worse.
  size_t next = 0;
  ForEachWindow(samples.times, windows, [&](int i, size_t begin, size_t end) {
    if (next < begin) next = begin, head = tail = 0;
    for (; next < end; ++next) {
      if (std::isnan(values[next])) continue;
      while (head < tail && beats(values[next], values[queue[tail - 1]])) --tail;
      queue[tail++] = next;
    }
    while (head < tail && queue[head] < begin) ++head;
    emit(i, head < tail ? queue[head] : end - 1);
  });
}

constexpr auto kLess = [](double a, double b) { return a < b; };
constexpr auto kGreater = [](double a, double b) { return a > b; };
constexpr auto kLessOrEqual = [](double a, double b) { return a <= b; };
constexpr auto kGreaterOrEqual = [](double a, double b) { return a >= b; };

}  // namespace

void MinOverTime(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
                 ScalarParams, Row out) {
  SlideBest(samples, windows, kLess, [&](int i, size_t k) { out.Set(i, samples.values[k]); });
}

void MaxOverTime(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
                 ScalarParams, Row out) {
  SlideBest(samples, windows, kGreater, [&](int i, size_t k) { out.Set(i, samples.values[k]); });
}

void TimeOfMin(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
               ScalarParams, Row out) {
  SlideBest(samples, windows, kLessOrEqual, [&](int i, size_t k) {
    out.Set(i, static_cast<double>(samples.times[k]) / 1000);
  });
}

void TimeOfMax(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
               ScalarParams, Row out) {
  SlideBest(samples, windows, kGreaterOrEqual, [&](int i, size_t k) {
    out.Set(i, static_cast<double>(samples.times[k]) / 1000);
  });
}

}  // namespace promql::kernels
