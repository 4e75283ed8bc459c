#include "promql/functions/functions.h"

#include <algorithm>
#include <utility>

#include "promql/functions/absent.h"
#include "promql/functions/histogram.h"
#include "promql/functions/label.h"
#include "promql/functions/scalar.h"
#include "promql/functions/sort.h"
#include "promql/signatures.h"
#include "storage/base/hash.h"
#include "storage/base/status.h"

namespace promql {
namespace {

using Maker = absl::StatusOr<OperatorPtr> (*)(const Expr& call, std::vector<OperatorPtr> args);

template <OperatorPtr (*kMake)(const Expr&, std::vector<OperatorPtr>)>
absl::StatusOr<OperatorPtr> Always(const Expr& call, std::vector<OperatorPtr> args) {
  return kMake(call, std::move(args));
}

// vector(s): the scalar's row is the vector's.
absl::StatusOr<OperatorPtr> MakeVector(const Expr&, std::vector<OperatorPtr> args) {
  return std::move(args[0]);
}

const base::StringMap<Maker>& Makers() {
  static const auto& makers = *new base::StringMap<Maker>{
      {"absent", Always<MakeAbsent>},
      {"absent_over_time", Always<MakeAbsent>},
      {"histogram_avg", Always<MakeNativeHistogramOnly>},
      {"histogram_count", Always<MakeNativeHistogramOnly>},
      {"histogram_fraction", Always<MakeHistogramFraction>},
      {"histogram_quantile", Always<MakeHistogramQuantile>},
      {"histogram_quantiles", Always<MakeHistogramQuantiles>},
      {"histogram_stddev", Always<MakeNativeHistogramOnly>},
      {"histogram_stdvar", Always<MakeNativeHistogramOnly>},
      {"histogram_sum", Always<MakeNativeHistogramOnly>},
      {"label_join", MakeLabelJoin},
      {"label_replace", MakeLabelReplace},
      {"scalar", Always<MakeScalar>},
      {"sort", Always<MakeSort>},
      {"sort_by_label", Always<MakeSort>},
      {"sort_by_label_desc", Always<MakeSort>},
      {"sort_desc", Always<MakeSort>},
      {"vector", MakeVector},
  };
  return makers;
}

}  // namespace

absl::StatusOr<OperatorPtr> MakeFunctionOperator(const Expr& call,
                                                 std::vector<OperatorPtr> args) {
  const auto it = Makers().find(call.function->name);
  if (it != Makers().end()) return it->second(call, std::move(args));
  return MakeStepFunction(call, std::move(args));
}

bool DropsName(std::string_view function) {
  static constexpr std::string_view kKeep[] = {
      "absent",       "absent_over_time", "first_over_time", "info",
      "label_join",   "label_replace",    "last_over_time",  "sort",
      "sort_by_label", "sort_by_label_desc", "sort_desc", "vector",
  };
  const Signature* signature = FindSignature(function);
  return signature != nullptr && signature->returns == ValueType::kVector &&
         std::find(std::begin(kKeep), std::end(kKeep), function) == std::end(kKeep);
}

bool KeepsTypeAndUnit(std::string_view function) {
  static constexpr std::string_view kKeep[] = {"histogram_avg", "histogram_count",
                                               "histogram_stddev", "histogram_stdvar",
                                               "histogram_sum"};
  return std::find(std::begin(kKeep), std::end(kKeep), function) != std::end(kKeep);
}

}  // namespace promql
