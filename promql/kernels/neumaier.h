// Compensated summation (Neumaier 1974), step by step as Prometheus does it: sums must agree to the
// last bit, so the order of operations here is part of the contract. Never compile it with
// -ffast-math or with contraction into fused multiply-adds.
#pragma once

#include <cmath>

namespace promql::kernels {

// Adds x to the sum whose lost low bits are in `compensation`. The total is sum + compensation.
inline void AddCompensated(double x, double& sum, double& compensation) {
  const double total = sum + x;
  const bool sum_is_larger = std::fabs(sum) >= std::fabs(x);
  const double larger = sum_is_larger ? sum : x;
  const double smaller = sum_is_larger ? x : sum;
  const double corrected = compensation + ((larger - total) + smaller);
  compensation = std::isinf(total) ? 0 : corrected;
  sum = total;
}

}  // namespace promql::kernels
