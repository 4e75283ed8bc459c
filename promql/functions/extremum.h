// The larger and the smaller of two numbers by Go's rules: an infinity that settles the matter wins
// even over NaN; otherwise NaN wins; 0 is larger than -0.
#pragma once

#include <cmath>
#include <limits>

#include "storage/model/sample.h"

namespace promql {

inline double Larger(double a, double b) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  if (a == kInf || b == kInf) return kInf;
  if (a != a || b != b) return model::NormalNan();
  if (a == 0 && b == 0) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

inline double Smaller(double a, double b) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  if (a == -kInf || b == -kInf) return -kInf;
  if (a != a || b != b) return model::NormalNan();
  if (a == 0 && b == 0) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}

}  // namespace promql
