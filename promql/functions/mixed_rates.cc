#include <algorithm>
#include <utility>

#include "promql/functions/mixed_windows.h"
#include "promql/histogram/arithmetic.h"
#include "promql/histogram/counter_reset.h"
#include "promql/kernels/starts.h"

namespace promql {
namespace {

using model::FloatHistogram;
using model::ResetHint;

double Seconds(int64_t ms) { return static_cast<double>(ms) / 1000; }

// As Go's Duration.Seconds: whole seconds and the rest apart.
double DurationSeconds(int64_t ms) {
  return static_cast<double>(ms / 1000) + static_cast<double>(ms % 1000) / 1000;
}

bool BeganBefore(const MixedWindow& window, size_t i) {
  return !window.starts.empty() && kernels::BeganBefore(window.times, window.starts, i);
}

bool IsGauge(const FloatHistogram& h) { return h.hint == ResetHint::kGauge; }

// The last minus the first, resets of a counter made up for. Nothing when they do not fit together:
// exponential and custom buckets.
std::optional<FloatHistogram> Difference(const MixedWindow& window, bool counter,
                                         uint32_t* notes) {
  const auto& points = window.histograms;
  const FloatHistogram& last = *points.back();
  uint32_t found = 0;
  if (counter && (IsGauge(*points[0]) || IsGauge(last))) found |= kNoteNotCounter;
  FloatHistogram first = *points[0];
  if (counter && (BeganBefore(window, 1) || histogram::IsReset(first, *points[1]))) {
    // It adds nothing: whether it fits does not matter.
    first = FloatHistogram();
    first.schema = points[1]->schema;
    first.custom_values = points[1]->custom_values;
  }
  if (last.custom() != first.custom()) {
    *notes |= found | kNoteMixedSchemas;
    return std::nullopt;
  }
  int32_t schema = std::min(first.schema, last.schema);
  for (size_t i = 1; counter && i + 1 < points.size(); ++i) {
    const FloatHistogram& h = *points[i];
    if (IsGauge(h)) found |= kNoteNotCounter;
    schema = std::min(schema, h.schema);
    if (h.custom() != first.custom()) {
      *notes |= kNoteMixedSchemas;  // And nothing else.
      return std::nullopt;
    }
  }
  FloatHistogram h = histogram::CopyToSchema(last, schema);
  if (histogram::Subtract(first, &h).bounds_reconciled) found |= kNoteSubReconciled;
  const FloatHistogram* before = &first;
  for (size_t i = 1; counter && i < points.size(); ++i) {
    if (!window.starts.empty() && kernels::OverlapsBefore(window.times, window.starts, i)) {
      found |= kNoteOverlap;
    }
    if ((BeganBefore(window, i) || histogram::IsReset(*before, *points[i])) &&
        histogram::Add(*before, &h).bounds_reconciled) {
      found |= kNoteAddReconciled;
    }
    before = points[i].get();
  }
  if (!counter && (!IsGauge(*points[0]) || !IsGauge(last))) found |= kNoteNotGauge;
  *notes |= found;
  h.hint = ResetHint::kGauge;
  histogram::Compact(&h);
  return h;
}

MixedCell Extrapolated(const MixedWindow& window, bool counter, bool rate, uint32_t* notes) {
  if (!window.floats.empty()) {
    *notes |= kNoteMixed;
    return {};
  }
  const model::TimeMs window_start = window.end - window.range_ms;
  const bool from_start =
      counter && !window.starts.empty() &&
      kernels::BeganInside({window.times.front(), window.starts.front()}, window_start);
  const size_t gaps = window.histograms.size() - 1;
  if (gaps == 0 && !from_start) return {};
  const FloatHistogram& first = *window.histograms[0];
  std::optional<FloatHistogram> h;
  if (gaps > 0) {
    h = Difference(window, counter, notes);
    if (!h.has_value()) return {};
  }

  double to_start = Seconds(window.times.front() - window_start);
  double to_end = Seconds(window.end - window.times.back());
  double sampled = Seconds(window.times.back() - window.times.front());
  const double between = gaps == 0 ? 0 : sampled / static_cast<double>(gaps);
  const double threshold = between * 1.1;
  if (from_start) {
    // It was nothing then, and nothing is to be guessed before the first sample.
    to_start = 0;
    sampled = Seconds(window.times.back() - window.starts.front());
    if (!h.has_value()) {
      h = first;
    } else {
      const histogram::AddOutcome outcome = histogram::Add(first, &*h);
      if (!outcome.compatible) {
        *notes |= kNoteMixedSchemas;
        return {};
      }
      if (outcome.bounds_reconciled) *notes |= kNoteAddReconciled;
    }
  } else {
    if (to_start >= threshold) to_start = between / 2;
    if (counter && h->count > 0 && first.count >= 0) {
      // Not further back than where it would have been zero.
      const double to_zero = sampled * (first.count / h->count);
      if (to_zero < to_start) to_start = to_zero;
    }
  }
  if (to_end >= threshold) to_end = between / 2;
  double factor = 1;
  if (sampled != 0) factor = (sampled + to_start + to_end) / sampled;
  if (rate) factor /= DurationSeconds(window.range_ms);
  histogram::Multiply(factor, &*h);
  return {std::nullopt, Share(*std::move(h))};
}

// The last two samples, of either kind.
MixedCell Instant(const MixedWindow& window, bool rate, uint32_t* notes) {
  const size_t floats = window.floats.size(), histograms = window.histograms.size();
  if (floats + histograms < 2) return {};
  // Which of the last two are histograms. Two floats at the end make a window of floats.
  size_t newer_floats = 0;
  while (newer_floats < 2 && newer_floats < floats &&
         window.float_times[floats - 1 - newer_floats] > window.times.back()) {
    ++newer_floats;
  }
  if (newer_floats == 2) {
    const double before = window.floats[floats - 2], now = window.floats[floats - 1];
    const double interval =
        Seconds(window.float_times[floats - 1] - window.float_times[floats - 2]);
    const bool reset = rate && (now < before || (!window.float_starts.empty() &&
                                                 kernels::BeganBefore(window.float_times,
                                                                      window.float_starts,
                                                                      floats - 1)));
    double v = reset ? now : now - before;
    if (rate) v /= interval;
    return {v, nullptr};
  }
  const bool older_float =
      floats > newer_floats &&
      (histograms < 2 || window.float_times[floats - 1 - newer_floats] > window.times[histograms - 2]);
  if (newer_floats == 1 || older_float) {
    *notes |= kNoteMixed;
    return {};
  }
  const FloatHistogram& before = *window.histograms[histograms - 2];
  FloatHistogram now = *window.histograms[histograms - 1];
  if (rate && (IsGauge(now) || IsGauge(before))) *notes |= kNoteNotCounter;
  if (!rate && (!IsGauge(now) || !IsGauge(before))) *notes |= kNoteNotGauge;
  if (!rate || (!BeganBefore(window, histograms - 1) && !histogram::IsReset(before, now))) {
    const histogram::AddOutcome outcome = histogram::Subtract(before, &now);
    if (!outcome.compatible) {
      *notes |= kNoteMixedSchemas;
      return {};
    }
    if (outcome.bounds_reconciled) *notes |= kNoteSubReconciled;
  }
  now.hint = ResetHint::kGauge;
  histogram::Compact(&now);
  if (rate) {
    histogram::Divide(Seconds(window.times[histograms - 1] - window.times[histograms - 2]), &now);
  }
  return {std::nullopt, Share(std::move(now))};
}

}  // namespace

MixedCell MixedRate(const MixedWindow& window, uint32_t* notes) {
  return Extrapolated(window, /*counter=*/true, /*rate=*/true, notes);
}

MixedCell MixedIncrease(const MixedWindow& window, uint32_t* notes) {
  return Extrapolated(window, /*counter=*/true, /*rate=*/false, notes);
}

MixedCell MixedDelta(const MixedWindow& window, uint32_t* notes) {
  return Extrapolated(window, /*counter=*/false, /*rate=*/false, notes);
}

MixedCell MixedInstantRate(const MixedWindow& window, uint32_t* notes) {
  return Instant(window, /*rate=*/true, notes);
}

MixedCell MixedInstantDelta(const MixedWindow& window, uint32_t* notes) {
  return Instant(window, /*rate=*/false, notes);
}

}  // namespace promql
