// What functions say and how they look at their arguments, in Prometheus' words.
#pragma once

#include <string>
#include <string_view>

#include "promql/ast.h"
#include "promql/context.h"

namespace promql {

// Where an argument stands in messages: without parentheses around it.
PositionRange ArgumentPosition(const Expr& arg);
// The value of an argument that is a string literal.
std::string_view TextArgument(const Expr& arg);

// Warns if q is no quantile: "quantile value should be between 0 and 1, got 1.5".
void WarnOfQuantile(double q, const Expr& arg, AnnotationSink* annotations);

// Six decimals, as Go's %f: 0.500000, NaN, +Inf.
std::string FixedText(double v);
// Two significant digits, as Go's %.2g.
std::string RoughText(double v);
// As labels carry numbers: 0.5, 1.0, NaN, +Inf.
std::string OpenMetricsText(double v);
// 2006-01-02T15:04:05Z
std::string Rfc3339(model::TimeMs t);

}  // namespace promql
