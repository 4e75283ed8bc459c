#include "tests/promql/slow_over_time.h"

#include <algorithm>
#include <cmath>

namespace promql {
namespace {

double Extrapolated(const std::vector<model::Sample>& s, model::TimeMs start, model::TimeMs end,
                    bool counter, bool per_second) {
  double result = s.back().v - s.front().v;
  if (counter) {
    for (size_t i = 1; i < s.size(); ++i) {
      if (s[i].v < s[i - 1].v) result += s[i - 1].v;
    }
  }
  double to_start = static_cast<double>(s.front().t - start) / 1000;
  double to_end = static_cast<double>(end - s.back().t) / 1000;
  const double sampled = static_cast<double>(s.back().t - s.front().t) / 1000;
  const double average = sampled / static_cast<double>(s.size() - 1);
  if (to_start >= average * 1.1) to_start = average / 2;
  if (counter && result > 0 && s.front().v >= 0) {
    to_start = std::min(to_start, sampled * (s.front().v / result));
  }
  if (to_end >= average * 1.1) to_end = average / 2;
  double factor = (sampled + to_start + to_end) / sampled;
  if (per_second) factor /= static_cast<double>(end - start) / 1000;
  return result * factor;
}

// A window marked `anchored` or `smoothed`, `s` being all samples in its reach: the samples it is
// measured on, those at its edges included. False when it has none after its start.
bool Extend(std::vector<model::Sample> s, model::TimeMs start, model::TimeMs end,
            Smoothing smoothing, bool counter, std::vector<model::Sample>* out) {
  while (s.size() > 1 && s[1].t <= start) s.erase(s.begin());
  if (s.empty() || s.back().t <= start) return false;
  if (smoothing == Smoothing::kAnchored) {
    *out = s;
    return true;
  }
  while (s.size() > 1 && s[s.size() - 2].t >= end) s.pop_back();
  if (s.front().t > end) return false;
  model::Sample left = s.front(), right = s.back();
  if (left.t < start) left.v = Between(s[0], s[1], start, counter);
  if (right.t > end && s.size() > 1) right.v = Between(s[s.size() - 2], right, end, counter);
  *out = {left};
  for (const model::Sample& x : s) {
    if (x.t > start && x.t < end) out->push_back(x);
  }
  out->push_back(right);
  return true;
}

}  // namespace

// In long doubles: right to the last bit that matters here.
double Sum(const std::vector<double>& values) {
  long double sum = 0;
  for (const double v : values) sum += v;
  return static_cast<double>(sum);
}

double Between(const model::Sample& a, const model::Sample& b, model::TimeMs t, bool counter) {
  const double from = counter && b.v < a.v ? 0 : a.v;
  return from + (b.v - from) * static_cast<double>(t - a.t) / static_cast<double>(b.t - a.t);
}

bool OverExtended(std::string_view f, const std::vector<model::Sample>& reach, model::TimeMs start,
                  model::TimeMs end, Smoothing smoothing, double* out) {
  const bool counter = f != "delta";
  std::vector<model::Sample> s;
  if (!Extend(reach, start, end, smoothing, counter, &s)) return false;
  if (f == "changes" || f == "resets") {
    *out = 0;
    for (size_t i = 1; i < s.size(); ++i) {
      const bool both_nan = std::isnan(s[i].v) && std::isnan(s[i - 1].v);
      *out += f == "resets" ? s[i].v < s[i - 1].v : s[i].v != s[i - 1].v && !both_nan;
    }
    return true;
  }
  *out = s.back().v - s.front().v;
  for (size_t i = 1; counter && i < s.size(); ++i) {
    if (s[i].v < s[i - 1].v) *out += s[i - 1].v;
  }
  if (f == "rate") *out /= static_cast<double>(end - start) / 1000;
  return true;
}

bool OverTime(std::string_view f, const std::vector<model::Sample>& s, model::TimeMs start,
              model::TimeMs end, double param, double* out) {
  if (s.empty()) return false;
  std::vector<double> values;
  for (const model::Sample& x : s) values.push_back(x.v);
  const double n = static_cast<double>(s.size());
  if (f == "rate" || f == "increase" || f == "delta") {
    if (s.size() < 2) return false;
    *out = Extrapolated(s, start, end, f != "delta", f == "rate");
  } else if (f == "irate" || f == "idelta") {
    if (s.size() < 2) return false;
    const model::Sample& a = s[s.size() - 2];
    const model::Sample& b = s.back();
    *out = f == "irate" && b.v < a.v ? b.v : b.v - a.v;
    if (f == "irate") *out /= static_cast<double>(b.t - a.t) / 1000;
  } else if (f == "sum_over_time") {
    *out = Sum(values);
  } else if (f == "avg_over_time") {
    *out = Sum(values) / n;
  } else if (f == "count_over_time") {
    *out = n;
  } else if (f == "last_over_time") {
    *out = values.back();
  } else if (f == "first_over_time") {
    *out = values.front();
  } else if (f == "present_over_time") {
    *out = 1;
  } else if (f == "min_over_time" || f == "max_over_time") {
    *out = values[0];
    for (const double v : values) {
      if (std::isnan(*out) || (f == "min_over_time" ? v < *out : v > *out)) *out = v;
    }
  } else if (f == "changes" || f == "resets") {
    *out = 0;
    for (size_t i = 1; i < values.size(); ++i) {
      if (f == "resets") *out += values[i] < values[i - 1];
      const bool both_nan = std::isnan(values[i]) && std::isnan(values[i - 1]);
      if (f == "changes") *out += values[i] != values[i - 1] && !both_nan;
    }
  } else if (f.starts_with("ts_of_")) {
    size_t at = f == "ts_of_last_over_time" ? s.size() - 1 : 0;
    for (size_t i = 1; i < s.size(); ++i) {
      if (f == "ts_of_min_over_time" && (s[i].v <= s[at].v || std::isnan(s[at].v))) at = i;
      if (f == "ts_of_max_over_time" && (s[i].v >= s[at].v || std::isnan(s[at].v))) at = i;
    }
    *out = static_cast<double>(s[at].t) / 1000;
  } else if (f == "mad_over_time") {
    double median = 0;
    OverTime("quantile_over_time", s, start, end, 0.5, &median);
    std::vector<model::Sample> distances;
    for (const double v : values) distances.push_back({0, std::fabs(v - median)});
    OverTime("quantile_over_time", distances, start, end, 0.5, out);
    for (const double v : values) *out = std::isnan(v) ? v : *out;
  } else if (f == "quantile_over_time") {
    std::sort(values.begin(), values.end(), [](double a, double b) {
      return std::isnan(a) ? !std::isnan(b) : a < b;
    });
    if (std::isnan(param)) {
      *out = NAN;
    } else if (param < 0 || param > 1) {
      *out = param < 0 ? -INFINITY : INFINITY;
    } else {
      const double rank = param * (n - 1), low = std::floor(rank);
      const size_t i = static_cast<size_t>(low), j = std::min(values.size() - 1, i + 1);
      *out = values[i] * (1 - (rank - low)) + values[j] * (rank - low);
    }
  } else {
    return false;
  }
  return true;
}

}  // namespace promql
