// histogram_quantile, histogram_quantiles and histogram_fraction: of native histograms, and of
// classic ones, series that differ in their `le` label only.
#pragma once

#include <vector>

#include "promql/operator.h"

namespace promql {

// args: quantile (scalar), histograms.
OperatorPtr MakeHistogramQuantile(const Expr& call, std::vector<OperatorPtr> args);
// args: histograms, null (the label's name), quantiles (scalars).
OperatorPtr MakeHistogramQuantiles(const Expr& call, std::vector<OperatorPtr> args);
// args: lower, upper (scalars), histograms.
OperatorPtr MakeHistogramFraction(const Expr& call, std::vector<OperatorPtr> args);
// histogram_count and the like: of native histograms only.
OperatorPtr MakeNativeHistogramOnly(const Expr& call, std::vector<OperatorPtr> args);

}  // namespace promql
