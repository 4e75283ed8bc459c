#include "storage/chunk/thin.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace chunk {
namespace {

constexpr model::TimeMs kNever = std::numeric_limits<model::TimeMs>::max();
constexpr int64_t kWorthThinning = 8;  // Samples in a cell.

// The first of first, first + step, ..., as many as `steps`, that is not before t.
model::TimeMs NextEdge(model::TimeMs t, model::TimeMs first, int64_t step, int steps) {
  if (t <= first) return first;
  if (steps <= 1 || step <= 0) return kNever;
  const int64_t i = (t - first + step - 1) / step;
  return i < steps ? first + i * step : kNever;
}

class Appender {
 public:
  Appender(const model::TimeMs* times, const double* values, SampleColumns* out)
      : times_(times),
        values_(values),
        out_(out),
        total_(out->through.empty() ? 0 : out->through.back()) {}

  // Samples [from, i) that are not in *out yet are left out, and the i-th is the next one.
  void Keep(size_t i) { Keep(i, values_ == nullptr ? 0 : values_[i]); }
  void Keep(size_t i, double value) {
    if (i > from_) LeaveOut(i);
    out_->times.push_back(times_[i]);
    out_->values.push_back(value);
    out_->through.push_back(++total_);
    from_ = i + 1;
  }
  void LeaveOut(size_t until) {
    if (until <= from_) return;
    total_ += static_cast<uint32_t>(until - from_);
    out_->through.back() = total_;
    from_ = until;
  }
  void KeepAll(size_t until) {
    out_->times.insert(out_->times.end(), times_ + from_, times_ + until);
    out_->values.insert(out_->values.end(), values_ + from_, values_ + until);
    for (; from_ < until; ++from_) out_->through.push_back(++total_);
  }
  void PassOver(size_t until) { from_ = until; }  // In no window.
  size_t next() const { return from_; }

 private:
  const model::TimeMs* const times_;
  const double* const values_;
  SampleColumns* const out_;
  uint32_t total_;
  size_t from_ = 0;
};

// Whether any neighbours in [begin, end) are `apart`; looks at all of them, side by side.
template <class F>
bool AnyApart(const double* v, size_t begin, size_t end, F apart) {
  bool any = false;
  for (size_t i = begin + 1; i < end; ++i) any |= apart(v[i - 1], v[i]);
  return any;
}

// The first and the last two of [begin, end), and all neighbours that are `apart`.
template <class F>
void KeepApart(const double* v, size_t begin, size_t end, F apart, Appender* out) {
  out->Keep(begin);
  if (AnyApart(v, begin, end, apart)) {
    for (size_t i = begin + 1; i < end; ++i) {
      if (!apart(v[i - 1], v[i])) continue;
      if (out->next() < i) out->Keep(i - 1);
      out->Keep(i);
    }
  }
  for (size_t i = std::max(out->next(), end - std::min<size_t>(2, end)); i < end; ++i) out->Keep(i);
}

// The first one that is better than all before it, or, when all are NaN, the last.
template <class F>
double Best(const double* v, size_t n, double worst, F better) {
  constexpr size_t kLanes = 16;
  std::array<double, kLanes> lanes;
  lanes.fill(worst);
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t k = 0; k < kLanes; ++k) lanes[k] = better(v[i + k], lanes[k]) ? v[i + k] : lanes[k];
  }
  double best = worst;
  for (const double lane : lanes) best = better(lane, best) ? lane : best;
  for (; i < n; ++i) best = better(v[i], best) ? v[i] : best;
  if (best == worst) {  // That, or nothing but NaN.
    return std::find(v, v + n, worst) == v + n ? v[n - 1] : worst;
  }
  return best == 0 ? *std::find(v, v + n, 0.0) : best;  // 0 and -0 are the same to `better`.
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr auto kNotAscending = [](double a, double b) { return !(a <= b); };
constexpr auto kDiffers = [](double a, double b) { return !(a == b); };
constexpr auto kLess = [](double a, double b) { return a < b; };
constexpr auto kGreater = [](double a, double b) { return a > b; };

void AppendCell(const double* v, size_t begin, size_t end, Want want, Appender* out) {
  switch (want) {
    case Want::kAll: out->KeepAll(end); break;
    case Want::kCount:
      out->Keep(begin);
      if (end - begin > 1) out->Keep(end - 1);
      break;
    case Want::kLast:
      out->PassOver(end - 1);
      out->Keep(end - 1);
      break;
    case Want::kEnds:
      out->Keep(begin);
      for (size_t i = std::max(begin + 1, end - std::min<size_t>(2, end)); i < end; ++i) out->Keep(i);
      break;
    case Want::kFalls: KeepApart(v, begin, end, kNotAscending, out); break;
    case Want::kChanges: KeepApart(v, begin, end, kDiffers, out); break;
    case Want::kMin: out->Keep(begin, Best(v + begin, end - begin, kInfinity, kLess)); break;
    case Want::kMax: out->Keep(begin, Best(v + begin, end - begin, -kInfinity, kGreater)); break;
  }
  out->LeaveOut(end);
}

bool HasStaleMarkers(const double* values, size_t n) {
  bool any = false;
  for (size_t i = 0; i < n; ++i) any |= model::IsStaleNan(values[i]);
  return any;
}

}  // namespace

Windows::Cell Windows::CellOf(model::TimeMs t) const {
  const model::TimeMs end = NextEdge(t, first_end, step_ms, steps);
  if (end == kNever) return {kNever, false};
  return {std::min(end, NextEdge(t, first_end - range_ms, step_ms, steps)), t > end - range_ms};
}

bool Windows::Dense(int64_t every_ms) const {
  if (steps == 1 || step_ms <= 0) return false;
  // Two edges a step, unless they meet.
  const int64_t cell = range_ms % step_ms == 0 ? step_ms : step_ms / 2;
  return want != Want::kAll && cell < every_ms * kWorthThinning;
}

void CountEach(SampleColumns* columns) {
  uint32_t total = columns->through.empty() ? 0 : columns->through.back();
  while (columns->through.size() < columns->times.size()) columns->through.push_back(++total);
}

void AppendThin(std::span<const model::TimeMs> times, const double* values, const Windows& windows,
                SampleColumns* out) {
  if (windows.want != Want::kLast && values != nullptr && HasStaleMarkers(values, times.size())) {
    std::vector<model::TimeMs> good_times;
    std::vector<double> good;
    for (size_t i = 0; i < times.size(); ++i) {
      if (model::IsStaleNan(values[i])) continue;
      good_times.push_back(times[i]);
      good.push_back(values[i]);
    }
    if (!good.empty()) AppendThin(good_times, good.data(), windows, out);
    return;
  }
  CountEach(out);
  Appender appender(times.data(), values, out);
  for (size_t begin = 0; begin < times.size();) {
    const Windows::Cell cell = windows.CellOf(times[begin]);
    const size_t end =
        times.back() <= cell.last
            ? times.size()
            : static_cast<size_t>(std::upper_bound(times.begin() + static_cast<std::ptrdiff_t>(begin),
                                                   times.end(), cell.last) -
                                  times.begin());
    if (cell.touched) {
      AppendCell(values, begin, end, windows.want, &appender);
    } else {
      appender.PassOver(end);
    }
    begin = end;
  }
}

void AppendLater(const SampleColumns& later, const Windows& windows, SampleColumns* out) {
  if (later.through.empty() && !out->through.empty()) {
    return AppendThin(later.times, later.values.data(), windows, out);
  }
  if (!later.through.empty()) CountEach(out);
  const uint32_t before = out->through.empty() ? 0 : out->through.back();
  out->times.insert(out->times.end(), later.times.begin(), later.times.end());
  out->values.insert(out->values.end(), later.values.begin(), later.values.end());
  for (const uint32_t through : later.through) out->through.push_back(before + through);
}

void AppendStandIn(model::TimeMs t, double value, size_t n, SampleColumns* out) {
  CountEach(out);
  const uint32_t before = out->through.empty() ? 0 : out->through.back();
  out->times.push_back(t);
  out->values.push_back(value);
  out->through.push_back(before + static_cast<uint32_t>(n));
}

}  // namespace chunk
