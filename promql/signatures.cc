#include "promql/signatures.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>

namespace promql {
namespace {

constexpr ValueType kV = ValueType::kVector;
constexpr ValueType kM = ValueType::kMatrix;
constexpr ValueType kS = ValueType::kScalar;
constexpr ValueType kText = ValueType::kString;

constexpr Signature Make(std::string_view name, std::initializer_list<ValueType> args,
                         int variadic = 0, ValueType returns = kV) {
  Signature signature{.name = name, .variadic = variadic, .returns = returns};
  for (ValueType type : args) signature.args[signature.num_args++] = type;
  return signature;
}

constexpr Signature Scalar(std::string_view name, std::initializer_list<ValueType> args) {
  return Make(name, args, 0, kS);
}

constexpr Signature Experimental(Signature signature) {
  signature.experimental = true;
  return signature;
}

constexpr Signature kSignatures[] = {
    Make("abs", {kV}),
    Make("absent", {kV}),
    Make("absent_over_time", {kM}),
    Make("acos", {kV}),
    Make("acosh", {kV}),
    Make("asin", {kV}),
    Make("asinh", {kV}),
    Make("atan", {kV}),
    Make("atanh", {kV}),
    Make("avg_over_time", {kM}),
    Make("ceil", {kV}),
    Make("changes", {kM}),
    Make("clamp", {kV, kS, kS}),
    Make("clamp_max", {kV, kS}),
    Make("clamp_min", {kV, kS}),
    Make("cos", {kV}),
    Make("cosh", {kV}),
    Make("count_over_time", {kM}),
    Make("day_of_month", {kV}, 1),
    Make("day_of_week", {kV}, 1),
    Make("day_of_year", {kV}, 1),
    Make("days_in_month", {kV}, 1),
    Make("deg", {kV}),
    Make("delta", {kM}),
    Make("deriv", {kM}),
    Experimental(Make("double_exponential_smoothing", {kM, kS, kS})),
    Experimental(Scalar("end", {})),
    Make("exp", {kV}),
    Make("first_over_time", {kM}),
    Make("floor", {kV}),
    Make("histogram_avg", {kV}),
    Make("histogram_count", {kV}),
    Make("histogram_fraction", {kS, kS, kV}),
    Make("histogram_quantile", {kS, kV}),
    Experimental(Make("histogram_quantiles", {kV, kText, kS, kS}, 9)),
    Make("histogram_stddev", {kV}),
    Make("histogram_stdvar", {kV}),
    Make("histogram_sum", {kV}),
    Make("hour", {kV}, 1),
    Make("idelta", {kM}),
    Make("increase", {kM}),
    Experimental(Make("info", {kV, kV}, 1)),
    Make("irate", {kM}),
    Make("label_join", {kV, kText, kText, kText}, -1),
    Make("label_replace", {kV, kText, kText, kText, kText}),
    Make("last_over_time", {kM}),
    Make("ln", {kV}),
    Make("log10", {kV}),
    Make("log2", {kV}),
    Experimental(Make("mad_over_time", {kM})),
    Experimental(Scalar("max_of", {kS, kS})),
    Make("max_over_time", {kM}),
    Experimental(Scalar("min_of", {kS, kS})),
    Make("min_over_time", {kM}),
    Make("minute", {kV}, 1),
    Make("month", {kV}, 1),
    Scalar("pi", {}),
    Make("predict_linear", {kM, kS}),
    Make("present_over_time", {kM}),
    Make("quantile_over_time", {kS, kM}),
    Make("rad", {kV}),
    Experimental(Scalar("range", {})),
    Make("rate", {kM}),
    Make("resets", {kM}),
    Make("round", {kV, kS}, 1),
    Scalar("scalar", {kV}),
    Make("sgn", {kV}),
    Make("sin", {kV}),
    Make("sinh", {kV}),
    Make("sort", {kV}),
    Experimental(Make("sort_by_label", {kV, kText}, -1)),
    Experimental(Make("sort_by_label_desc", {kV, kText}, -1)),
    Make("sort_desc", {kV}),
    Make("sqrt", {kV}),
    Experimental(Scalar("start", {})),
    Experimental(Make("start_timestamp", {kV})),
    Make("stddev_over_time", {kM}),
    Make("stdvar_over_time", {kM}),
    Experimental(Scalar("step", {})),
    Make("sum_over_time", {kM}),
    Make("tan", {kV}),
    Make("tanh", {kV}),
    Scalar("time", {}),
    Make("timestamp", {kV}),
    Experimental(Make("ts_of_first_over_time", {kM})),
    Experimental(Make("ts_of_last_over_time", {kM})),
    Experimental(Make("ts_of_max_over_time", {kM})),
    Experimental(Make("ts_of_min_over_time", {kM})),
    Make("vector", {kS}),
    Make("year", {kV}, 1),
};

static_assert(std::size(kSignatures) == 90);
static_assert(std::ranges::is_sorted(kSignatures, {}, &Signature::name));

}  // namespace

const Signature* FindSignature(std::string_view name) {
  const Signature* found = std::ranges::lower_bound(kSignatures, name, {}, &Signature::name);
  return found != std::end(kSignatures) && found->name == name ? found : nullptr;
}

std::span<const Signature> AllSignatures() { return kSignatures; }

}  // namespace promql
