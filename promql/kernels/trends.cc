#include <cmath>

#include "promql/kernels/neumaier.h"
#include "promql/kernels/window_functions.h"
#include "storage/model/sample.h"

namespace promql::kernels {
namespace {

struct Line {
  double slope = 0, intercept = 0;
};

// Least squares over samples [begin, end), x in seconds from `origin`.
Line Regression(const chunk::SampleColumns& samples, size_t begin, size_t end,
                model::TimeMs origin) {
  const double first = samples.values[begin];
  bool constant = true;
  double n = 0, x_sum = 0, x_low = 0, y_sum = 0, y_low = 0;
  double xy_sum = 0, xy_low = 0, xx_sum = 0, xx_low = 0;
  for (size_t i = begin; i < end; ++i) {
    const double y = samples.values[i];
    constant &= i == begin || y == first;
    n += 1;
    const double x = static_cast<double>(samples.times[i] - origin) / 1e3;
    AddCompensated(x, x_sum, x_low);
    AddCompensated(y, y_sum, y_low);
    AddCompensated(x * y, xy_sum, xy_low);
    AddCompensated(x * x, xx_sum, xx_low);
  }
  if (constant) {
    if (std::isinf(first)) return {model::NormalNan(), model::NormalNan()};
    return {0, first};
  }
  x_sum += x_low, y_sum += y_low, xy_sum += xy_low, xx_sum += xx_low;
  const double covariance = xy_sum - x_sum * y_sum / n;
  const double variance = xx_sum - x_sum * x_sum / n;
  const double slope = covariance / variance;
  return {slope, y_sum / n - slope * x_sum / n};
}

// Holt's linear trend over samples [begin, end), at least two.
double Smooth(const double* values, size_t count, double smoothing, double trend_factor) {
  double before = 0, smoothed = values[0];
  double trend = values[1] - values[0];
  for (size_t i = 1; i < count; ++i) {
    const double scaled = smoothing * values[i];
    if (i > 1) trend = trend_factor * (smoothed - before) + (1 - trend_factor) * trend;
    const double continued = (1 - smoothing) * (smoothed + trend);
    before = smoothed;
    smoothed = scaled + continued;
  }
  return smoothed;
}

}  // namespace

void Deriv(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
           ScalarParams, Row out) {
  ForEachWindow(samples.times, windows, [&](int i, size_t begin, size_t end) {
    if (end - begin < 2) return;
    out.Set(i, Regression(samples, begin, end, samples.times[begin]).slope);
  });
}

void PredictLinear(const chunk::SampleColumns& samples, const WindowGrid& windows,
                   const Grid& eval, ScalarParams params, Row out) {
  ForEachWindow(samples.times, windows, [&](int i, size_t begin, size_t end) {
    if (end - begin < 2) return;
    const Line line = Regression(samples, begin, end, eval.at(i));
    out.Set(i, line.slope * params[0][i] + line.intercept);
  });
}

void DoubleExponentialSmoothing(const chunk::SampleColumns& samples, const WindowGrid& windows,
                                const Grid&, ScalarParams params, Row out) {
  ForEachWindow(samples.times, windows, [&](int i, size_t begin, size_t end) {
    const double smoothing = params[0][i], trend = params[1][i];
    if (smoothing <= 0 || smoothing >= 1 || trend <= 0 || trend >= 1) {
      out.Set(i, model::NormalNan());
    } else if (end - begin >= 2) {
      out.Set(i, Smooth(samples.values.data() + begin, end - begin, smoothing, trend));
    }
  });
}

}  // namespace promql::kernels
