#include "tests/promql/functions/slow_windows.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace promql {
namespace {

using Window = std::vector<model::Sample>;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Neumaier {
  double sum = 0, c = 0;
  void Add(double x) {
    const double t = sum + x;
    if (std::isinf(t)) {
      c = 0;
    } else if (std::fabs(sum) >= std::fabs(x)) {
      c += (sum - t) + x;
    } else {
      c += (x - t) + sum;
    }
    sum = t;
  }
};

std::optional<double> Extrapolated(const Window& w, model::TimeMs start, model::TimeMs end,
                                   bool counter, bool per_second) {
  if (w.size() < 2) return std::nullopt;
  double result = w.back().v - w.front().v;
  if (counter) {
    for (size_t i = 1; i < w.size(); ++i) {
      if (w[i].v < w[i - 1].v) result += w[i - 1].v;
    }
  }
  double to_start = double(w.front().t - start) / 1000, to_end = double(end - w.back().t) / 1000;
  const double sampled = double(w.back().t - w.front().t) / 1000;
  const double average = sampled / double(w.size() - 1);
  const double threshold = average * 1.1;
  if (to_start >= threshold) to_start = average / 2;
  if (counter) {
    double to_zero = to_start;
    if (result > 0 && w.front().v >= 0) to_zero = sampled * (w.front().v / result);
    if (to_zero < to_start) to_start = to_zero;
  }
  if (to_end >= threshold) to_end = average / 2;
  double factor = 1;
  if (sampled != 0) factor = (sampled + to_start + to_end) / sampled;
  if (per_second) factor /= double((end - start) / 1000) + double((end - start) % 1000) / 1000;
  return result * factor;
}

double Average(const Window& w) {
  Neumaier n;
  n.sum = w[0].v;
  double mean = 0, count = 1;
  bool incremental = false;
  for (size_t i = 1; i < w.size(); ++i) {
    count = double(i + 1);
    if (!incremental) {
      Neumaier next = n;
      next.Add(w[i].v);
      if (!std::isinf(next.sum)) {
        n = next;
        continue;
      }
      incremental = true;
      mean = n.sum / (count - 1);
      n.c /= count - 1;
    }
    const double q = (count - 1) / count;
    Neumaier step{q * mean, q * n.c};
    step.Add(w[i].v / count);
    mean = step.sum, n.c = step.c;
  }
  return incremental ? mean + n.c : n.sum / count + n.c / count;
}

double Variance(const Window& w) {
  Neumaier mean, squares;
  double count = 0;
  for (const model::Sample& s : w) {
    count += 1;
    const double delta = s.v - (mean.sum + mean.c);
    mean.Add(delta / count);
    squares.Add(delta * (s.v - (mean.sum + mean.c)));
  }
  return (squares.sum + squares.c) / count;
}

struct Line {
  double slope, intercept;
};

Line Regression(const Window& w, model::TimeMs origin) {
  bool constant = true;
  Neumaier sx, sy, sxy, sxx;
  for (const model::Sample& s : w) {
    if (&s != &w.front() && s.v != w.front().v) constant = false;
    const double x = double(s.t - origin) / 1e3;
    sx.Add(x), sy.Add(s.v), sxy.Add(x * s.v), sxx.Add(x * x);
  }
  if (constant) return std::isinf(w[0].v) ? Line{kNan, kNan} : Line{0, w[0].v};
  const double n = double(w.size());
  const double x = sx.sum + sx.c, y = sy.sum + sy.c, xy = sxy.sum + sxy.c, xx = sxx.sum + sxx.c;
  const double slope = (xy - x * y / n) / (xx - x * x / n);
  return {slope, y / n - slope * x / n};
}

double QuantileOf(double q, std::vector<double> values) {
  if (values.empty() || std::isnan(q)) return kNan;
  if (q < 0) return -kInf;
  if (q > 1) return kInf;
  std::sort(values.begin(), values.end(), [](double a, double b) {
    return std::isnan(a) ? !std::isnan(b)
                         : a < b || (a == b && std::signbit(a) && !std::signbit(b));
  });
  const double rank = q * double(values.size() - 1);
  const size_t lower = size_t(std::floor(rank));
  const size_t upper = std::min(values.size() - 1, lower + 1);
  const double weight = rank - std::floor(rank);
  return values[lower] * (1 - weight) + values[upper] * weight;
}

double MedianDeviation(const Window& w) {
  std::vector<double> values;
  for (const model::Sample& s : w) {
    if (std::isnan(s.v)) return kNan;
    values.push_back(s.v);
  }
  const double median = QuantileOf(0.5, values);
  for (double& v : values) v = std::fabs(v - median);
  return QuantileOf(0.5, values);
}

// The index of the best sample; `wins(current, best)`.
template <class F>
size_t Best(const Window& w, F wins) {
  size_t best = 0;
  for (size_t i = 0; i < w.size(); ++i) {
    if (wins(w[i].v, w[best].v) || std::isnan(w[best].v)) best = i;
  }
  return best;
}

double Holt(const Window& w, double sf, double tf) {
  double s0 = 0, s1 = w[0].v, b = w[1].v - w[0].v;
  for (size_t i = 1; i < w.size(); ++i) {
    const double x = sf * w[i].v;
    if (i > 1) {
      const double trend = tf * (s1 - s0);
      b = trend + (1 - tf) * b;
    }
    const double y = (1 - sf) * (s1 + b);
    s0 = s1;
    s1 = x + y;
  }
  return s1;
}

std::optional<double> LastTwo(const Window& w, bool counter) {
  if (w.size() < 2) return std::nullopt;
  const model::Sample a = w[w.size() - 2], b = w.back();
  double result = counter && b.v < a.v ? b.v : b.v - a.v;
  if (counter) result /= double(b.t - a.t) / 1000;
  return result;
}

}  // namespace

std::optional<double> SlowWindow(std::string_view function, const chunk::SampleColumns& samples,
                                 const WindowGrid& windows, int i, model::TimeMs eval_time,
                                 std::span<const double> params) {
  const model::TimeMs end = windows.end(i), start = end - windows.range_ms;
  Window w;
  for (size_t k = 0; k < samples.size(); ++k) {
    if (samples.times[k] > start && samples.times[k] <= end) {
      w.push_back({samples.times[k], samples.values[k]});
    }
  }
  if (w.empty()) return std::nullopt;
  std::vector<double> values;
  for (const model::Sample& s : w) values.push_back(s.v);
  const auto less = [](double a, double b) { return a < b; };
  const auto greater = [](double a, double b) { return a > b; };
  const auto at_most = [](double a, double b) { return a <= b; };
  const auto at_least = [](double a, double b) { return a >= b; };

  if (function == "rate") return Extrapolated(w, start, end, true, true);
  if (function == "increase") return Extrapolated(w, start, end, true, false);
  if (function == "delta") return Extrapolated(w, start, end, false, false);
  if (function == "irate") return LastTwo(w, true);
  if (function == "idelta") return LastTwo(w, false);
  if (function == "count_over_time") return double(w.size());
  if (function == "present_over_time" || function == "absent_over_time") return 1;
  if (function == "first_over_time") return w.front().v;
  if (function == "last_over_time") return w.back().v;
  if (function == "ts_of_first_over_time") return double(w.front().t) / 1000;
  if (function == "ts_of_last_over_time") return double(w.back().t) / 1000;
  if (function == "changes" || function == "resets") {
    double count = 0;
    for (size_t k = 1; k < w.size(); ++k) {
      const double a = w[k - 1].v, b = w[k].v;
      count += function == "resets" ? b < a : a != b && !(std::isnan(a) && std::isnan(b));
    }
    return count;
  }
  if (function == "sum_over_time") {
    Neumaier n;
    for (const double v : values) n.Add(v);
    return std::isinf(n.sum) ? n.sum : n.sum + n.c;
  }
  if (function == "avg_over_time") return Average(w);
  if (function == "stdvar_over_time") return Variance(w);
  if (function == "stddev_over_time") return std::sqrt(Variance(w));
  if (function == "min_over_time") return w[Best(w, less)].v;
  if (function == "max_over_time") return w[Best(w, greater)].v;
  if (function == "ts_of_min_over_time") return double(w[Best(w, at_most)].t) / 1000;
  if (function == "ts_of_max_over_time") return double(w[Best(w, at_least)].t) / 1000;
  if (function == "quantile_over_time") return QuantileOf(params[0], values);
  if (function == "mad_over_time") return MedianDeviation(w);
  if (function == "deriv") {
    return w.size() < 2 ? std::nullopt : std::optional(Regression(w, w[0].t).slope);
  }
  if (function == "predict_linear") {
    if (w.size() < 2) return std::nullopt;
    const Line line = Regression(w, eval_time);
    return line.slope * params[0] + line.intercept;
  }
  if (function == "double_exponential_smoothing") {
    return w.size() < 2 ? std::nullopt : std::optional(Holt(w, params[0], params[1]));
  }
  return std::nullopt;
}

}  // namespace promql
