#include "tests/promql/slow_mixed.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "tests/promql/slow_over_time.h"
#include "tests/promql/slow_starts.h"

namespace promql {
namespace {

using Samples = std::vector<SlowSample>;
using Result = std::optional<SlowSample>;

Result Float(double v) { return SlowSample{0, v, nullptr}; }
Result Histogram(SlowHistogram h) {
  return SlowSample{0, 0, std::make_shared<const SlowHistogram>(std::move(h))};
}
double Seconds(model::TimeMs t) { return static_cast<double>(t) / 1000; }

Result Pairs(const Samples& samples, bool resets) {
  int n = 0;
  for (size_t i = 1; i < samples.size(); ++i) {
    const SlowSample &a = samples[i - 1], &b = samples[i];
    if (resets && SlowBeganBetween(a, b)) {
      ++n;
    } else if ((a.h == nullptr) != (b.h == nullptr)) {
      ++n;
    } else if (a.h == nullptr) {
      n += resets ? b.v < a.v : a.v != b.v && !(std::isnan(a.v) && std::isnan(b.v));
    } else {
      n += resets ? WasReset(*a.h, *b.h) : !SameHistogram(*a.h, *b.h);
    }
  }
  return Float(n);
}

Result SumOrMean(const Samples& samples, bool mean) {
  SlowHistogram sum = *samples[0].h;
  for (size_t i = 1; i < samples.size(); ++i) {
    const auto added = Added(sum, *samples[i].h, 1);
    if (!added) return std::nullopt;
    sum = *added;
  }
  return Histogram(mean ? Divided(sum, static_cast<double>(samples.size())) : sum);
}

Result Rate(std::string_view f, const Samples& samples, model::TimeMs start, model::TimeMs end) {
  const bool counter = f != "delta";
  const size_t n = samples.size();
  const bool from_start = counter && SlowBeganInside(samples[0], start);
  if (n == 1 && from_start) {
    // One sample for all the way from its start; what kind of counter it is stays open.
    const double factor = f == "rate" ? 1 / Seconds(end - start) : 1;
    return Histogram(Scaled(*samples[0].h, factor));
  }
  if (n < 2) return std::nullopt;
  const auto began = [&](size_t i) {
    return counter && SlowBeganBetween(samples[i - 1], samples[i]);
  };
  SlowHistogram first = *samples[0].h;
  const SlowHistogram& last = *samples[n - 1].h;
  if (counter && (began(1) || WasReset(first, *samples[1].h))) {
    first = {};
    first.schema = samples[1].h->schema;
    first.bounds = samples[1].h->bounds;
  }
  int schema = std::min(first.schema, last.schema);
  for (size_t i = 1; i < n; ++i) {
    if ((counter || i == n - 1) && samples[i].h->custom() != first.custom()) return std::nullopt;
    if (counter) schema = std::min(schema, samples[i].h->schema);
  }
  SlowHistogram h = *Added(Coarser(last, schema), first, -1);
  const SlowHistogram* before = &first;
  for (size_t i = 1; counter && i < n; ++i) {
    if (began(i) || WasReset(*before, *samples[i].h)) h = *Added(h, *before, 1);
    before = samples[i].h.get();
  }
  double sampled = Seconds(samples[n - 1].t - samples[0].t);
  const double gap = sampled / static_cast<double>(n - 1);
  double to_start = Seconds(samples[0].t - start), to_end = Seconds(end - samples[n - 1].t);
  if (to_start >= gap * 1.1) to_start = gap / 2;
  if (to_end >= gap * 1.1) to_end = gap / 2;
  if (from_start) {
    const auto whole = Added(Compacted(h), *samples[0].h, 1);
    if (!whole) return std::nullopt;
    h = *whole;
    to_start = 0;
    sampled = Seconds(samples[n - 1].t - samples[0].start);
  } else if (counter && h.count > 0 && samples[0].h->count >= 0) {
    to_start = std::min(to_start, sampled * (samples[0].h->count / h.count));
  }
  double factor = (sampled + to_start + to_end) / sampled;
  if (f == "rate") factor /= Seconds(end - start);
  h = Scaled(h, factor);
  h.hint = model::ResetHint::kGauge;
  return Histogram(from_start ? h : Compacted(h));
}

Result LastTwo(std::string_view f, const Samples& samples) {
  const size_t n = samples.size();
  if (n < 2) return std::nullopt;
  const SlowSample &a = samples[n - 2], &b = samples[n - 1];
  if ((a.h == nullptr) != (b.h == nullptr)) return std::nullopt;
  const double seconds = Seconds(b.t - a.t);
  if (a.h == nullptr) {
    const bool reset = f == "irate" && (b.v < a.v || SlowBeganBetween(a, b));
    const double v = reset ? b.v : b.v - a.v;
    return Float(f == "irate" ? v / seconds : v);
  }
  SlowHistogram h = *b.h;
  if (f == "idelta" || !(SlowBeganBetween(a, b) || WasReset(*a.h, *b.h))) {
    const auto difference = Added(h, *a.h, -1);
    if (!difference) return std::nullopt;
    h = *difference;
  }
  h.hint = model::ResetHint::kGauge;
  h = Compacted(h);
  return Histogram(f == "irate" ? Divided(h, seconds) : h);
}

Result ExtendedRate(std::string_view f, Samples s, model::TimeMs start, model::TimeMs end,
                    bool smoothed) {
  const bool counter = f != "delta";
  // From the last one not later than the start, and no further than the first not earlier than the
  // end.
  while (s.size() > 1 && s[1].t <= start) s.erase(s.begin());
  while (smoothed && s.size() > 1 && s[s.size() - 2].t >= end) s.pop_back();
  if (s.back().t <= start || (smoothed && s.front().t > end)) return std::nullopt;
  for (const SlowSample& one : s) {
    if (one.h->custom() != s[0].h->custom()) return std::nullopt;
  }
  SlowHistogram left = *s.front().h, right = *s.back().h;
  if (smoothed && s.front().t < start) left = *BetweenHistograms(s[0], s[1], start, counter);
  if (smoothed && s.size() > 1 && s.back().t > end) {
    right = *BetweenHistograms(s[s.size() - 2], s.back(), end, counter);
  }
  SlowHistogram h = *Added(right, left, -1);
  if (counter) {
    // A reset before the left edge's right neighbour is in the value at the edge already.
    std::vector<SlowHistogram> way = {left};
    size_t next = 1;
    if (smoothed && s.front().t < start && WasReset(*s[0].h, *s[1].h)) way = {*s[next++].h};
    const bool any = next < s.size();
    for (; next + 1 < s.size(); ++next) way.push_back(*s[next].h);
    if (any) way.push_back(right);
    std::optional<SlowHistogram> lost;  // Together: which zero bucket it is may hang on the order.
    for (size_t i = 1; i < way.size(); ++i) {
      if (WasReset(way[i - 1], way[i])) lost = lost ? *Added(*lost, way[i - 1], 1) : way[i - 1];
    }
    if (lost) h = *Added(h, *lost, 1);
  }
  if (f == "rate") h = Divided(h, Seconds(end - start));
  h.hint = model::ResetHint::kGauge;
  return Histogram(Compacted(h));
}

}  // namespace

std::optional<SlowHistogram> BetweenHistograms(const SlowSample& a, const SlowSample& b,
                                               model::TimeMs t, bool counter) {
  if (t == a.t) return *a.h;
  if (t == b.t) return *b.h;
  const double part = static_cast<double>(t - a.t) / static_cast<double>(b.t - a.t);
  if (counter && WasReset(*a.h, *b.h)) return Scaled(*b.h, part);
  const auto difference = Added(*b.h, *a.h, -1);
  if (!difference) return std::nullopt;
  return Added(Scaled(*difference, part), *a.h, 1);
}

std::optional<SlowSample> OverMixed(std::string_view f, const std::vector<SlowSample>& all,
                                    model::TimeMs start, model::TimeMs end, double param,
                                    Smoothing smoothing) {
  std::vector<model::Sample> floats;
  for (const SlowSample& s : all) {
    if (s.h == nullptr) floats.push_back({s.t, s.v});
  }
  const bool started = std::any_of(all.begin(), all.end(),
                                   [](const SlowSample& s) { return s.start != 0; });
  if (floats.size() == all.size() && started && smoothing == Smoothing::kNone &&
      (f == "rate" || f == "increase" || f == "irate")) {
    const auto v = OverStarted(f, all, start, end);
    return v ? Float(*v) : std::nullopt;
  }
  if (floats.size() == all.size() && !(started && f == "resets")) {
    double v = 0;
    const bool any = smoothing == Smoothing::kNone
                         ? OverTime(f, floats, start, end, param, &v)
                         : OverExtended(f, floats, start, end, smoothing, &v);
    return any ? Float(v) : std::nullopt;
  }
  if (f == "changes" || f == "resets") {
    std::vector<SlowSample> samples = all;
    if (smoothing == Smoothing::kAnchored) {
      while (samples.size() > 1 && samples[1].t <= start) samples.erase(samples.begin());
      if (samples.back().t <= start) return std::nullopt;
    }
    return Pairs(samples, f == "resets");
  }
  if (f == "count_over_time") return Float(static_cast<double>(all.size()));
  if (f == "present_over_time") return Float(1);
  if (f == "first_over_time") return all.front();
  if (f == "last_over_time") return all.back();
  if (f == "ts_of_first_over_time") return Float(Seconds(all.front().t));
  if (f == "ts_of_last_over_time") return Float(Seconds(all.back().t));
  if (f == "irate" || f == "idelta") return LastTwo(f, all);
  const std::set<std::string, std::less<>> kOfOneKind = {"rate", "increase", "delta",
                                                         "sum_over_time", "avg_over_time"};
  if (kOfOneKind.contains(f)) {
    if (!floats.empty()) return std::nullopt;
    if (f.ends_with("_over_time")) return SumOrMean(all, f == "avg_over_time");
    if (smoothing == Smoothing::kNone) return Rate(f, all, start, end);
    return ExtendedRate(f, all, start, end, smoothing == Smoothing::kSmoothed);
  }
  double v = 0;  // The rest is of floats only.
  if (floats.empty() || !OverTime(f, floats, start, end, param, &v)) return std::nullopt;
  return Float(v);
}

}  // namespace promql
