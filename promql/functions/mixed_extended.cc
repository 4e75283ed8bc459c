// anchored and smoothed where there are histograms. Windows hold all that is in reach.
#include <algorithm>
#include <optional>
#include <utility>

#include "promql/functions/mixed_windows.h"
#include "promql/histogram/arithmetic.h"
#include "promql/histogram/counter_reset.h"
#include "promql/histogram/interpolate.h"
#include "promql/kernels/counter.h"
#include "promql/kernels/extended.h"

namespace promql {
namespace {

using model::FloatHistogram;
using model::ResetHint;

// The first of [0, end) later than `t`, or not earlier if `or_at`; `end` if there is none.
size_t FirstAfter(std::span<const model::TimeMs> times, size_t end, model::TimeMs t, bool or_at) {
  const auto last = times.begin() + static_cast<int64_t>(end);
  const auto at = or_at ? std::lower_bound(times.begin(), last, t)
                        : std::upper_bound(times.begin(), last, t);
  return static_cast<size_t>(at - times.begin());
}

bool NoteInterpolated(const histogram::Interpolated& outcome, uint32_t* notes) {
  if (!outcome.compatible) *notes |= kNoteMixedSchemas;
  if (outcome.sub_reconciled) *notes |= kNoteSubReconciled;
  if (outcome.add_reconciled) *notes |= kNoteAddReconciled;
  return outcome.compatible;
}

class ExtendedRate {
 public:
  ExtendedRate(const MixedWindow& window, bool smoothed, bool counter, uint32_t* notes)
      : window_(window),
        h_(window.histograms),
        start_(window.end - window.range_ms),
        smoothed_(smoothed),
        counter_(counter),
        notes_(notes) {}

  // How much it grew. Nothing when there is too little, or what does not fit together.
  std::optional<FloatHistogram> Compute() {
    last_ = h_.size() - 1;
    first_ = FirstAfter(window_.times, last_, start_, /*or_at=*/false);
    first_ = first_ == 0 ? 0 : first_ - 1;
    if (smoothed_) last_ = FirstAfter(window_.times, last_, window_.end, /*or_at=*/true);
    if (window_.times[last_] <= start_) return std::nullopt;
    if (smoothed_ && window_.times[first_] > window_.end) return std::nullopt;
    if (!Check()) return std::nullopt;

    FloatHistogram left = *h_[first_], right = *h_[last_];
    if (smoothed_ && window_.times[first_] < start_ && !Between(first_, start_, &left)) {
      return std::nullopt;
    }
    if (smoothed_ && last_ > 0 && window_.times[last_] > window_.end &&
        !Between(last_ - 1, window_.end, &right)) {
      return std::nullopt;
    }
    if (!counter_ && (left.hint != ResetHint::kGauge || right.hint != ResetHint::kGauge)) {
      *notes_ |= kNoteNotGauge;
    }
    FloatHistogram result = right;
    if (histogram::Subtract(left, &result).bounds_reconciled) *notes_ |= kNoteSubReconciled;
    if (counter_) AddLost(left, right, &result);
    return result;
  }

 private:
  // Whether all are of one kind of buckets.
  bool Check() {
    for (size_t i = first_; i <= last_; ++i) {
      if (h_[i]->custom() != h_[first_]->custom()) {
        *notes_ |= kNoteMixedSchemas;
        return false;
      }
      if (counter_ && h_[i]->hint == ResetHint::kGauge) *notes_ |= kNoteNotCounter;
    }
    return true;
  }

  bool Between(size_t i, model::TimeMs t, FloatHistogram* out) {
    return NoteInterpolated(
        histogram::Interpolate({window_.times[i], h_[i]}, {window_.times[i + 1], h_[i + 1]}, t,
                               counter_, out),
        notes_);
  }

  // What a counter lost in resets on the way from edge to edge.
  void AddLost(const FloatHistogram& left, const FloatHistogram& right, FloatHistogram* result) {
    size_t next = first_ + 1;
    const FloatHistogram* before = &left;
    if (smoothed_ && window_.times[first_] < start_ &&
        histogram::IsReset(*h_[first_], *h_[first_ + 1])) {
      before = h_[next++].get();  // The value at the edge makes up for that one.
    }
    if (next > last_) return;
    std::optional<FloatHistogram> lost;
    const auto lose = [&](const FloatHistogram& h) {
      if (!lost.has_value()) {
        lost = h;
      } else if (histogram::Add(h, &*lost).bounds_reconciled) {
        *notes_ |= kNoteAddReconciled;
      }
    };
    for (; next < last_; ++next) {
      if (histogram::IsReset(*before, *h_[next])) lose(*before);
      before = h_[next].get();
    }
    if (histogram::IsReset(*before, right)) lose(*before);
    if (lost.has_value() && histogram::Add(*lost, result).bounds_reconciled) {
      *notes_ |= kNoteAddReconciled;
    }
  }

  const MixedWindow& window_;
  const std::span<const HistogramPtr> h_;
  const model::TimeMs start_;
  const bool smoothed_, counter_;
  uint32_t* const notes_;
  size_t first_ = 0, last_ = 0;  // Those at the edges.
};

template <bool kSmoothed, bool kCounter, bool kRate>
MixedCell Rate(const MixedWindow& window, uint32_t* notes) {
  if (!window.floats.empty()) {
    *notes |= kNoteMixed;
    return {};
  }
  std::optional<FloatHistogram> h = ExtendedRate(window, kSmoothed, kCounter, notes).Compute();
  if (!h.has_value()) return {};
  if (kRate) histogram::Divide(kernels::Seconds(window.range_ms), &*h);
  h->hint = ResetHint::kGauge;
  histogram::Compact(&*h);
  return {std::nullopt, Share(*std::move(h))};
}

// The window from the newest sample of either kind at or before its start. Nothing when no sample is
// later than that.
std::optional<MixedWindow> FromAnchor(MixedWindow window) {
  const model::TimeMs start = window.end - window.range_ms;
  size_t f = FirstAfter(window.float_times, window.floats.size(), start, /*or_at=*/false);
  size_t h = FirstAfter(window.times, window.histograms.size(), start, /*or_at=*/false);
  if (f == window.floats.size() && h == window.histograms.size()) return std::nullopt;
  if (f > 0 && (h == 0 || window.float_times[f - 1] >= window.times[h - 1])) {
    --f;
  } else if (h > 0) {
    --h;
  }
  if (!window.float_starts.empty()) window.float_starts = window.float_starts.subspan(f);
  if (!window.starts.empty()) window.starts = window.starts.subspan(h);
  window.float_times = window.float_times.subspan(f);
  window.floats = window.floats.subspan(f);
  window.times = window.times.subspan(h);
  window.histograms = window.histograms.subspan(h);
  return window;
}

template <MixedFunction kFunction>
MixedCell Anchored(const MixedWindow& window, uint32_t* notes) {
  const std::optional<MixedWindow> from_anchor = FromAnchor(window);
  return from_anchor.has_value() ? kFunction(*from_anchor, notes) : MixedCell{};
}

}  // namespace

MixedFunction FindExtended(std::string_view function, Smoothing smoothing) {
  const bool smoothed = smoothing == Smoothing::kSmoothed;
  if (function == "rate") return smoothed ? Rate<true, true, true> : Rate<false, true, true>;
  if (function == "increase") return smoothed ? Rate<true, true, false> : Rate<false, true, false>;
  if (function == "delta") return smoothed ? Rate<true, false, false> : Rate<false, false, false>;
  if (function == "changes") return Anchored<MixedChanges>;
  if (function == "resets") return Anchored<MixedResets>;
  return nullptr;
}

void LaySmoothedMixed(const Samples& samples, const WindowGrid& windows, Row out,
                      uint32_t* notes) {
  kernels::LaySmoothed(samples.floats, windows, out);
  const HistogramSamples& histograms = samples.histograms;
  const std::vector<model::TimeMs>& float_times = samples.floats.times;
  kernels::ForEachReach(histograms.times, windows, [&](int i, size_t begin, size_t, size_t end) {
    out.Drop(i);
    const model::TimeMs t = windows.end(i);
    const auto a_float = std::upper_bound(float_times.begin(), float_times.end(),
                                          t - windows.range_ms - windows.before_ms);
    if (a_float != float_times.end() && *a_float <= t + windows.after_ms) {
      *notes |= kNoteMixed;
      return;
    }
    const auto at = std::lower_bound(histograms.times.begin() + static_cast<int64_t>(begin),
                                     histograms.times.begin() + static_cast<int64_t>(end), t);
    const auto k = static_cast<size_t>(at - histograms.times.begin());
    if (k < end && *at == t) return out.Put(i, histograms.values[k]);
    if (k == begin) return;
    FloatHistogram h = *histograms.values[k - 1];
    if (k == end) {
      h.hint = ResetHint::kUnknown;
      return out.Put(i, Share(std::move(h)));
    }
    // Taken for a counter unless both say they are gauges.
    const bool counter =
        h.hint != ResetHint::kGauge || histograms.values[k]->hint != ResetHint::kGauge;
    if (h.custom() != histograms.values[k]->custom()) {
      *notes |= kNoteMixedSchemas;
      return;
    }
    if (NoteInterpolated(
            histogram::Interpolate({histograms.times[k - 1], histograms.values[k - 1]},
                                   {histograms.times[k], histograms.values[k]}, t, counter, &h),
            notes)) {
      out.Put(i, Share(std::move(h)));
    }
  });
}

}  // namespace promql
