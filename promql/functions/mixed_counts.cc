#include <algorithm>
#include <cmath>
#include <limits>

#include "promql/functions/mixed_windows.h"
#include "promql/histogram/counter_reset.h"
#include "promql/kernels/starts.h"

namespace promql {
namespace {

MixedCell Float(double v) { return {v, nullptr}; }

double Seconds(model::TimeMs t) { return static_cast<double>(t) / 1000; }

struct Sample {
  double value = 0;
  const model::FloatHistogram* histogram = nullptr;
  kernels::Started started;  // start is 0 where the series has none.
};

// Calls f(before, after) for all neighbours in time.
template <class F>
void ForEachPair(const MixedWindow& window, F f) {
  const bool has_starts = !window.starts.empty() || !window.float_starts.empty();
  Sample before;
  size_t i = 0, k = 0;  // Floats and histograms passed.
  while (i < window.floats.size() || k < window.histograms.size()) {
    Sample now;
    if (k == window.histograms.size() ||
        (i < window.floats.size() && window.float_times[i] < window.times[k])) {
      now.value = window.floats[i];
      now.started = {window.float_times[i], has_starts ? window.float_starts[i] : 0};
      ++i;
    } else {
      now.histogram = window.histograms[k].get();
      now.started = {window.times[k], has_starts ? window.starts[k] : 0};
      ++k;
    }
    if (i + k > 1) f(before, now);
    before = now;
  }
}

// Of neighbours those of different kinds, and those of one kind that differ.
template <class Differ>
MixedCell CountPairs(const MixedWindow& window, Differ differ) {
  int count = 0;
  ForEachPair(window, [&](const Sample& before, const Sample& now) {
    if ((before.histogram == nullptr) != (now.histogram == nullptr)) {
      ++count;
    } else {
      count += differ(before, now);
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
  return CountPairs(window, [](const Sample& a, const Sample& b) {
    if (b.histogram != nullptr) return !histogram::Equal(*b.histogram, *a.histogram);
    return a.value != b.value && !(std::isnan(a.value) && std::isnan(b.value));
  });
}

MixedCell MixedResets(const MixedWindow& window, uint32_t*) {
  return CountPairs(window, [](const Sample& a, const Sample& b) {
    if (kernels::BeganBetween(a.started, b.started)) return true;
    if (b.histogram != nullptr) return histogram::IsReset(*a.histogram, *b.histogram);
    return b.value < a.value;
  });
}

}  // namespace promql
