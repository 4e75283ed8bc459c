#include "server/rules/rule_query.h"

#include "storage/base/status.h"

namespace server {
namespace {

absl::StatusOr<std::vector<promql::VectorSample>> AsVector(absl::StatusOr<promql::Result> result,
                                                           model::TimeMs at) {
  RETURN_IF_ERROR(result.status());
  promql::Value& value = result->value;
  if (value.type == promql::ValueType::kVector) return std::move(value.vector);
  if (value.type == promql::ValueType::kScalar) {
    return std::vector<promql::VectorSample>{{model::Labels(), {at, value.scalar.v}, nullptr}};
  }
  return base::InvalidArgument("rule result is not a vector or scalar");
}

}  // namespace

absl::StatusOr<std::vector<promql::VectorSample>> RuleQuery::Evaluate(
    const promql::ExprPtr& expr, model::TimeMs at, const promql::QueryOrigin& who) const {
  promql::QueryOptions options;
  options.origin = who;
  return AsVector(engine_->Evaluate(expr, {at, at, 0}, data_, options), at);
}

absl::StatusOr<std::vector<promql::VectorSample>> RuleQuery::Evaluate(
    std::string_view query, model::TimeMs at, const promql::QueryOrigin& who) const {
  promql::QueryOptions options;
  options.origin = who;
  return AsVector(engine_->Evaluate(query, {at, at, 0}, data_, options), at);
}

}  // namespace server
