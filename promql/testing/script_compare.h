// Whether an answer is the one a script expects.
#pragma once

#include <string>

#include "promql/value.h"
#include "promql/testing/script.h"

namespace promql_test {

// Relative difference below 1e-6; NaNs are equal, but for the stale marker, which equals itself
// only.
bool AlmostEqual(double a, double b);

// What differs; empty when nothing does.
std::string CompareValue(const EvalCommand& expected, const promql::Value& value);
std::string CompareAnnotations(const EvalCommand& expected, const promql::Annotations& annotations);

}  // namespace promql_test
