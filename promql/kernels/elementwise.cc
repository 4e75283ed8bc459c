#include "promql/kernels/elementwise.h"

#include <bit>
#include <cmath>

#include "promql/kernels/neumaier.h"
#include "storage/model/sample.h"

namespace promql::kernels {
namespace {

constexpr uint64_t kAll = ~uint64_t{0};

// Calls f with a function object for the comparison.
template <class F>
void WithComparison(BinaryOp op, F f) {
  switch (op) {
    case BinaryOp::kEq: return f([](double l, double r) { return l == r; });
    case BinaryOp::kNe: return f([](double l, double r) { return l != r; });
    case BinaryOp::kGt: return f([](double l, double r) { return l > r; });
    case BinaryOp::kLt: return f([](double l, double r) { return l < r; });
    case BinaryOp::kGe: return f([](double l, double r) { return l >= r; });
    case BinaryOp::kLe: return f([](double l, double r) { return l <= r; });
    default: return;
  }
}

template <class F>
void Each(const double* l, const double* r, int n, double* out, F f) {
  for (int i = 0; i < n; ++i) out[i] = f(l[i], r[i]);
}

// Folds the cells present in `in` into `acc`: start(i, x) for the group's first value at a step,
// add(i, x) for later ones. Words that are wholly the one or the other run without tests per cell,
// so that the compiler can vectorise them.
template <class Start, class Add>
void Fold(const Row& in, Row acc, Start start, Add add) {
  for (int base = 0, w = 0; base < in.steps; base += 64, ++w) {
    const uint64_t have = in.present[w];
    if (have == 0) continue;
    const uint64_t before = acc.present[w];
    acc.present[w] = before | have;
    if (have == kAll && before == kAll) {
      for (int i = base; i < base + 64; ++i) add(i, in.values[i]);
    } else if (have == kAll && before == 0) {
      for (int i = base; i < base + 64; ++i) start(i, in.values[i]);
    } else {
      for (uint64_t rest = have; rest != 0; rest &= rest - 1) {
        const int bit = std::countr_zero(rest);
        const double x = in.values[base + bit];
        if ((before >> bit) & 1) {
          add(base + bit, x);
        } else {
          start(base + bit, x);
        }
      }
    }
  }
}

template <class F>
void EachPresent(Row row, F f) {
  for (int base = 0, w = 0; base < row.steps; base += 64, ++w) {
    for (uint64_t rest = row.present[w]; rest != 0; rest &= rest - 1) {
      f(base + std::countr_zero(rest));
    }
  }
}

bool HasBit(const uint64_t* words, int i) { return (words[i >> 6] >> (i & 63)) & 1; }

}  // namespace

void Arithmetic(BinaryOp op, const double* l, const double* r, int n, double* out) {
  switch (op) {
    case BinaryOp::kAdd: return Each(l, r, n, out, [](double a, double b) { return a + b; });
    case BinaryOp::kSub: return Each(l, r, n, out, [](double a, double b) { return a - b; });
    case BinaryOp::kMul: return Each(l, r, n, out, [](double a, double b) { return a * b; });
    case BinaryOp::kDiv: return Each(l, r, n, out, [](double a, double b) { return a / b; });
    case BinaryOp::kMod:
      return Each(l, r, n, out, [](double a, double b) { return std::fmod(a, b); });
    case BinaryOp::kPow:
      return Each(l, r, n, out, [](double a, double b) { return std::pow(a, b); });
    case BinaryOp::kAtan2:
      return Each(l, r, n, out, [](double a, double b) { return std::atan2(a, b); });
    default: return;
  }
}

void CompareBool(BinaryOp op, const double* l, const double* r, int n, double* out) {
  WithComparison(op, [&](auto holds) {
    Each(l, r, n, out, [holds](double a, double b) { return holds(a, b) ? 1.0 : 0.0; });
  });
}

void CompareFilter(BinaryOp op, const double* l, const double* r, int n, uint64_t* present) {
  WithComparison(op, [&](auto holds) {
    for (int base = 0, w = 0; base < n; base += 64, ++w) {
      if (present[w] == 0) continue;
      const int size = n - base < 64 ? n - base : 64;
      uint64_t kept = 0;
      for (int i = 0; i < size; ++i) kept |= uint64_t{holds(l[base + i], r[base + i])} << i;
      present[w] &= kept;
    }
  });
}

double ScalarBinary(BinaryOp op, double l, double r) {
  double out = model::NormalNan();
  if (IsComparison(op)) {
    CompareBool(op, &l, &r, 1, &out);
  } else {
    Arithmetic(op, &l, &r, 1, &out);
  }
  return out;
}

void And(const uint64_t* a, const uint64_t* b, int words, uint64_t* out) {
  for (int w = 0; w < words; ++w) out[w] = a[w] & b[w];
}

int CountPresent(const uint64_t* present, int words) {
  int count = 0;
  for (int w = 0; w < words; ++w) count += std::popcount(present[w]);
  return count;
}

void SumRow(const Row& in, Row sum, double* compensation) {
  double* const s = sum.values;
  Fold(
      in, sum, [s](int i, double x) { s[i] = x; },
      [s, compensation](int i, double x) { AddCompensated(x, s[i], compensation[i]); });
}

void FinishSum(Row sum, const double* compensation) {
  for (int i = 0; i < sum.steps; ++i) sum.values[i] += compensation[i];
}

void AvgRow(const Row& in, Row sum, double* compensation, double* count, uint64_t* incremental) {
  const auto start = [&](int i, double x) {
    sum.values[i] = x;
    count[i] = 1;
  };
  const auto add = [&](int i, double x) {
    const double n = count[i] += 1;
    double& s = sum.values[i];
    double& c = compensation[i];
    if (!HasBit(incremental, i)) {
      double new_sum = s, new_c = c;
      AddCompensated(x, new_sum, new_c);
      if (!std::isinf(new_sum)) {
        s = new_sum, c = new_c;
        return;
      }
      incremental[i >> 6] |= uint64_t{1} << (i & 63);
      s /= n - 1;
      c /= n - 1;
    }
    const double q = (n - 1) / n;
    s *= q;
    c *= q;
    AddCompensated(x / n, s, c);
  };
  Fold(in, sum, start, add);
}

void FinishAvg(Row sum, const double* compensation, const double* count,
               const uint64_t* incremental) {
  EachPresent(sum, [&](int i) {
    double& s = sum.values[i];
    const bool is_mean = HasBit(incremental, i);
    s = is_mean ? s + compensation[i] : s / count[i] + compensation[i] / count[i];
  });
}

void MinRow(const Row& in, Row best) {
  double* const b = best.values;
  Fold(
      in, best, [b](int i, double x) { b[i] = x; },
      [b](int i, double x) { b[i] = (b[i] > x) | (b[i] != b[i]) ? x : b[i]; });
}

void MaxRow(const Row& in, Row best) {
  double* const b = best.values;
  Fold(
      in, best, [b](int i, double x) { b[i] = x; },
      [b](int i, double x) { b[i] = (b[i] < x) | (b[i] != b[i]) ? x : b[i]; });
}

void CountRow(const Row& in, Row count) {
  double* const c = count.values;
  Fold(
      in, count, [c](int i, double) { c[i] = 1; }, [c](int i, double) { c[i] += 1; });
}

void GroupRow(const Row& in, Row out) {
  double* const o = out.values;
  Fold(
      in, out, [o](int i, double) { o[i] = 1; }, [](int, double) {});
}

void VarianceRow(const Row& in, Row sum, double* mean, double* count) {
  double* const s = sum.values;
  const auto start = [=](int i, double x) {
    s[i] = std::isfinite(x) ? 0 : model::NormalNan();
    mean[i] = x;
    count[i] = 1;
  };
  const auto add = [=](int i, double x) {
    const double delta = x - mean[i];
    mean[i] += delta / (count[i] += 1);
    s[i] += delta * (x - mean[i]);
  };
  Fold(in, sum, start, add);
}

void FinishVariance(Row sum, const double* count, bool square_root) {
  EachPresent(sum, [&](int i) {
    const double variance = sum.values[i] / count[i];
    sum.values[i] = square_root ? std::sqrt(variance) : variance;
  });
}

}  // namespace promql::kernels
