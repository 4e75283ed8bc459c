#include <algorithm>
#include <limits>

#include "promql/functions/mixed_windows.h"
#include "promql/histogram/counter_reset.h"

namespace promql {
namespace {

MixedCell Float(double v) { return {v, nullptr}; }

double Seconds(model::TimeMs t) { return static_cast<double>(t) / 1000; }

struct Sample {
  double value = 0;
  const model::FloatHistogram* histogram = nullptr;
};

// Calls f(before, after) for all neighbours in time.
template <class F>
void ForEachPair(const MixedWindow& window, F f) {
  Sample before;
  size_t i = 0, k = 0;  // Floats and histograms passed.
  while (i < window.floats.size() || k < window.histograms.size()) {
    Sample now;
    if (k == window.histograms.size() ||
        (i < window.floats.size() && window.float_times[i] < window.times[k])) {
      now.value = window.floats[i++];
    } else {
      now.histogram = window.histograms[k++].get();
    }
    if (i + k > 1) f(before, now);
    before = now;
  }
}

template <class Floats, class Histograms>
MixedCell CountPairs(const MixedWindow& window, Floats floats_differ, Histograms differ) {
  int count = 0;
  ForEachPair(window, [&](const Sample& before, const Sample& now) {
    if ((before.histogram == nullptr) != (now.histogram == nullptr)) {
      ++count;
    } else if (now.histogram == nullptr) {
      count += floats_differ(before.value, now.value);
    } else {
      count += differ(*before.histogram, *now.histogram);
    }
  });
  return Float(count);
}

bool FloatFirst(const MixedWindow& window) {
  return !window.floats.empty() && window.float_times.front() < window.times.front();
}

bool FloatLast(const MixedWindow& window) {
  return !window.floats.empty() && window.float_times.back() > window.times.back();
}

}  // namespace

MixedCell MixedCountOverTime(const MixedWindow& window, uint32_t*) {
  return Float(static_cast<double>(window.floats.size() + window.histograms.size()));
}

MixedCell MixedPresentOverTime(const MixedWindow&, uint32_t*) { return Float(1); }

MixedCell MixedFirstOverTime(const MixedWindow& window, uint32_t*) {
  if (FloatFirst(window)) return Float(window.floats.front());
  return {std::nullopt, window.histograms.front()};
}

MixedCell MixedLastOverTime(const MixedWindow& window, uint32_t*) {
  if (FloatLast(window)) return Float(window.floats.back());
  return {std::nullopt, window.histograms.back()};
}

MixedCell MixedTimeOfFirst(const MixedWindow& window, uint32_t*) {
  return Float(Seconds(FloatFirst(window) ? window.float_times.front() : window.times.front()));
}

MixedCell MixedTimeOfLast(const MixedWindow& window, uint32_t*) {
  return Float(Seconds(FloatLast(window) ? window.float_times.back() : window.times.back()));
}

MixedCell MixedChanges(const MixedWindow& window, uint32_t*) {
  return CountPairs(
      window, [](double a, double b) { return a != b && !(a != a && b != b); },
      [](const model::FloatHistogram& a, const model::FloatHistogram& b) {
        return !histogram::Equal(b, a);
      });
}

MixedCell MixedResets(const MixedWindow& window, uint32_t*) {
  return CountPairs(window, [](double a, double b) { return b < a; }, histogram::IsReset);
}

}  // namespace promql
