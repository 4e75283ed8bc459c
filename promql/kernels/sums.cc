// A sliding compensated sum rounds differently from a fresh one, so windows are summed afresh, a
// few side by side: each is one long chain of dependent additions, and the processor has room for
// several. Columns of whole numbers need none of that: their sums are exact in any order.
#include <algorithm>
#include <cmath>

#include "promql/kernels/neumaier.h"
#include "promql/kernels/window_functions.h"

namespace promql::kernels {
namespace {

// Whether every sum of values of the column is a whole number that a double holds exactly.
bool SumsAreExact(const std::vector<double>& values) {
  constexpr double kLimit = 0x1p51;
  constexpr double kRounder = 0x1.8p52;  // Adding it leaves no room for a fraction.
  double total = 0;
  bool whole = true;
  for (const double v : values) {
    total += std::fabs(v);
    whole &= (v + kRounder) - kRounder == v;
  }
  return whole && total < kLimit;
}

// emit(step, sum of the window, number of samples), when SumsAreExact.
template <class Emit>
void SlideSums(const chunk::SampleColumns& samples, const WindowGrid& windows, Emit emit) {
  const double* const values = samples.values.data();
  double sum = 0;
  size_t left = 0, right = 0;  // `sum` is over [left, right).
  ForEachWindow(samples.times, windows, [&](int i, size_t begin, size_t end) {
    for (; right < end; ++right) sum += values[right];
    for (; left < begin; ++left) sum -= values[left];
    emit(i, sum, end - begin);
  });
}

// Runs one `State` over each window's values: Add(x) in order, then emit(step, state, values of
// the window). kLanes windows at a time.
template <class State, int kLanes, class Emit>
void RunWindows(const chunk::SampleColumns& samples, const WindowGrid& windows, Emit emit) {
  const double* const values = samples.values.data();
  const double* lane[kLanes];
  size_t length[kLanes];
  int step[kLanes];
  int lanes = 0;
  const auto run = [&](int count) {
    State state[kLanes];
    size_t done = 0;
    if (count == kLanes) {
      done = *std::min_element(length, length + kLanes);
      for (size_t i = 0; i < done; ++i) {
        for (int k = 0; k < kLanes; ++k) state[k].Add(lane[k][i]);
      }
    }
    for (int k = 0; k < count; ++k) {
      State rest = state[k];
      for (size_t i = done; i < length[k]; ++i) rest.Add(lane[k][i]);
      emit(step[k], rest, std::span<const double>(lane[k], length[k]));
    }
  };
  ForEachWindow(samples.times, windows, [&](int i, size_t begin, size_t end) {
    lane[lanes] = values + begin;
    length[lanes] = end - begin;
    step[lanes] = i;
    if (++lanes == kLanes) run(kLanes), lanes = 0;
  });
  run(lanes);
}

struct CompensatedSum {
  double sum = 0, compensation = 0;
  void Add(double x) { AddCompensated(x, sum, compensation); }
};

// Welford's algorithm with compensated mean and sum of squares.
struct Variance {
  double count = 0, mean = 0, mean_low = 0, squares = 0, squares_low = 0;
  void Add(double x) {
    count += 1;
    const double delta = x - (mean + mean_low);
    AddCompensated(delta / count, mean, mean_low);
    AddCompensated(delta * (x - (mean + mean_low)), squares, squares_low);
  }
  double Result() const { return (squares + squares_low) / count; }
};

// The mean the long way round: a sum until it would overflow, incrementally from there on.
double Mean(std::span<const double> values) {
  double sum = values[0], low = 0, count = 1;
  size_t i = 1;
  for (; i < values.size(); ++i) {
    double new_sum = sum, new_low = low;
    AddCompensated(values[i], new_sum, new_low);
    if (std::isinf(new_sum)) break;
    sum = new_sum, low = new_low;
    count += 1;
  }
  if (i == values.size()) return sum / count + low / count;
  double mean = sum / count;
  low /= count;
  for (; i < values.size(); ++i) {
    count += 1;
    const double q = (count - 1) / count;
    mean *= q;
    low *= q;
    AddCompensated(values[i] / count, mean, low);
  }
  return mean + low;
}

}  // namespace

void SumOverTime(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
                 ScalarParams, Row out) {
  if (SumsAreExact(samples.values)) {
    SlideSums(samples, windows, [&](int i, double sum, size_t) { out.Set(i, sum); });
    return;
  }
  RunWindows<CompensatedSum, 4>(
      samples, windows, [&](int i, const CompensatedSum& s, std::span<const double>) {
        out.Set(i, std::isinf(s.sum) ? s.sum : s.sum + s.compensation);
      });
}

void AvgOverTime(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
                 ScalarParams, Row out) {
  if (SumsAreExact(samples.values)) {
    SlideSums(samples, windows, [&](int i, double sum, size_t count) {
      out.Set(i, sum / static_cast<double>(count));
    });
    return;
  }
  RunWindows<CompensatedSum, 4>(
      samples, windows, [&](int i, const CompensatedSum& s, std::span<const double> values) {
        const double count = static_cast<double>(values.size());
        // A finite sum has never overflowed on the way.
        out.Set(i, std::isfinite(s.sum) ? s.sum / count + s.compensation / count : Mean(values));
      });
}

void StddevOverTime(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
                    ScalarParams, Row out) {
  RunWindows<Variance, 2>(samples, windows,
                          [&](int i, const Variance& v, std::span<const double>) {
                            out.Set(i, std::sqrt(v.Result()));
                          });
}

void StdvarOverTime(const chunk::SampleColumns& samples, const WindowGrid& windows, const Grid&,
                    ScalarParams, Row out) {
  RunWindows<Variance, 2>(
      samples, windows,
      [&](int i, const Variance& v, std::span<const double>) { out.Set(i, v.Result()); });
}

}  // namespace promql::kernels
