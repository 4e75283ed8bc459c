#include "tests/promql/slow_starts.h"

#include <algorithm>

namespace promql {
namespace {

double Seconds(model::TimeMs t) { return static_cast<double>(t) / 1000; }

bool WasReset(const SlowSample& before, const SlowSample& now) {
  return now.v < before.v || SlowBeganBetween(before, now);
}

}  // namespace

bool SlowBeganBetween(const SlowSample& before, const SlowSample& now) {
  const bool known = now.start != 0 && now.start < now.t;
  if (!known || now.start < before.t) return false;
  const bool delta_before = before.start != 0 && before.start < before.t;
  return now.start > before.t || delta_before;
}

bool SlowBeganInside(const SlowSample& first, model::TimeMs start) {
  return first.start != 0 && start < first.start && first.start < first.t;
}

std::optional<double> OverStarted(std::string_view f, const std::vector<SlowSample>& s,
                                  model::TimeMs start, model::TimeMs end) {
  const size_t n = s.size();
  if (f == "irate") {
    if (n < 2) return std::nullopt;
    const SlowSample &a = s[n - 2], &b = s[n - 1];
    return (WasReset(a, b) ? b.v : b.v - a.v) / Seconds(b.t - a.t);
  }
  double increase = s[n - 1].v - s[0].v;
  for (size_t i = 1; i < n; ++i) {
    if (WasReset(s[i - 1], s[i])) increase += s[i - 1].v;
  }
  const double average = n < 2 ? 0 : Seconds(s[n - 1].t - s[0].t) / static_cast<double>(n - 1);
  double to_end = Seconds(end - s[n - 1].t);
  if (to_end >= average * 1.1) to_end = average / 2;
  double sampled = Seconds(s[n - 1].t - s[0].t), to_start = 0;
  if (SlowBeganInside(s[0], start)) {
    increase += s[0].v;
    sampled = Seconds(s[n - 1].t - s[0].start);
  } else if (n < 2) {
    return std::nullopt;
  } else {
    to_start = Seconds(s[0].t - start);
    if (to_start >= average * 1.1) to_start = average / 2;
    if (increase > 0 && s[0].v >= 0) to_start = std::min(to_start, sampled * (s[0].v / increase));
  }
  double factor = (sampled + to_start + to_end) / sampled;
  if (f == "rate") factor /= Seconds(end - start);
  return increase * factor;
}

}  // namespace promql
