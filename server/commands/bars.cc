#include "server/commands/bars.h"

#include <algorithm>
#include <cmath>

namespace server {

std::string_view Bar(double height) {
  static constexpr const char* kLevels[] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                            "\u2585", "\u2586", "\u2587", "\u2588"};
  return kLevels[static_cast<int>(std::clamp(height, 0.0, 1.0) * 7 + 0.5)];
}

std::string Sparkline(const std::vector<model::Sample>& points, model::TimeRange range,
                      int width) {
  double least = INFINITY, greatest = -INFINITY;
  for (const model::Sample& p : points) {
    if (!std::isfinite(p.v)) continue;
    least = std::min(least, p.v);
    greatest = std::max(greatest, p.v);
  }
  const double span = static_cast<double>(range.max - range.min);
  std::vector<double> sums(width, 0);
  std::vector<int> counts(width, 0);
  int last = 0;
  for (const model::Sample& p : points) {
    if (!std::isfinite(p.v)) continue;
    const double along = span > 0 ? static_cast<double>(p.t - range.min) / span : 0;
    const int at = std::clamp(static_cast<int>(along * (width - 1) + 0.5), 0, width - 1);
    sums[at] += p.v;
    ++counts[at];
    last = std::max(last, at + 1);
  }
  std::string out;
  for (int i = 0; i < last; ++i) {
    if (counts[i] == 0) {
      out += ' ';
      continue;
    }
    const double height = greatest > least ? (sums[i] / counts[i] - least) / (greatest - least) : 0;
    out += Bar(height);
  }
  return out;
}

}  // namespace server
