// Asks what rules and their templates ask.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "promql/engine.h"

namespace server {

// Thread-safe; cheap. The engine and what it reads must outlive it.
class RuleQuery {
 public:
  RuleQuery(promql::Engine* engine, storage::Queryable* data) : engine_(engine), data_(data) {}

  // The expression's instant vector; a scalar as one sample without labels. Engine's errors;
  // kInvalidArgument for any other type: "rule result is not a vector or scalar". `who` is for the
  // log of queries.
  absl::StatusOr<std::vector<promql::VectorSample>> Evaluate(
      const promql::ExprPtr& expr, model::TimeMs at, const promql::QueryOrigin& who = {}) const;
  absl::StatusOr<std::vector<promql::VectorSample>> Evaluate(
      std::string_view query, model::TimeMs at, const promql::QueryOrigin& who = {}) const;

 private:
  promql::Engine* const engine_;
  storage::Queryable* const data_;
};

}  // namespace server
