#include <algorithm>
#include <cmath>
#include <vector>

#include "promql/kernels/window_functions.h"
#include "promql/quantile.h"
#include "storage/model/sample.h"

namespace promql::kernels {
namespace {

// NaN before numbers and -0 before 0, so that what leaves a window is what came in.
bool Before(double a, double b) {
  return NanFirst(a, b) || (a == b && std::signbit(a) && !std::signbit(b));
}

// The values of a moving window in the order of Before. Small moves insert and erase; large ones
// sort anew.
class SortedWindow {
 public:
  explicit SortedWindow(const std::vector<double>& values) : values_(values) {}

  void MoveTo(size_t begin, size_t end) {
    const size_t size = end - begin;
    const bool overlaps = begin < end_;
    if (!overlaps || (begin - begin_) + (end - end_) > size / 8 + 1) {
      sorted_.assign(values_.begin() + begin, values_.begin() + end);
      std::sort(sorted_.begin(), sorted_.end(), Before);
    } else {
      for (size_t i = begin_; i < begin; ++i) Erase(values_[i]);
      for (size_t i = end_; i < end; ++i) Insert(values_[i]);
    }
    begin_ = begin, end_ = end;
  }

  std::span<const double> sorted() const { return sorted_; }
  bool has_nan() const { return std::isnan(sorted_.front()); }

 private:
  void Insert(double v) {
    sorted_.insert(std::upper_bound(sorted_.begin(), sorted_.end(), v, Before), v);
  }
  void Erase(double v) {
    sorted_.erase(std::lower_bound(sorted_.begin(), sorted_.end(), v, Before));
  }

  const std::vector<double>& values_;
  std::vector<double> sorted_;
  size_t begin_ = 0, end_ = 0;
};

}  // namespace

void QuantileOverTime(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
                      ScalarParams params, Row out) {
  SortedWindow window(samples.values);
  ForEachWindow(samples.times, windows, [&](int i, size_t begin, size_t end) {
    window.MoveTo(begin, end);
    out.Set(i, QuantileOfSorted(params[0][i], window.sorted()));
  });
}

void MadOverTime(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
                 ScalarParams, Row out) {
  SortedWindow window(samples.values);
  std::vector<double> distances;
  ForEachWindow(samples.times, windows, [&](int i, size_t begin, size_t end) {
    window.MoveTo(begin, end);
    if (window.has_nan()) return out.Set(i, model::NormalNan());
    const double median = QuantileOfSorted(0.5, window.sorted());
    distances.clear();
    for (const double v : window.sorted()) distances.push_back(std::fabs(v - median));
    out.Set(i, Quantile(0.5, distances));
  });
}

}  // namespace promql::kernels
