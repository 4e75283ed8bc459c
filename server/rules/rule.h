// One rule of a group: what both kinds have in common.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "promql/engine.h"
#include "server/rules/rule_file.h"
#include "server/rules/rule_query.h"

namespace server {

enum class RuleHealth : uint8_t { kUnknown, kGood, kBad };
std::string_view ToString(RuleHealth health);  // "unknown", "ok", "err": in the API.

// What an evaluation knows of its surroundings.
struct RuleEvaluation {
  const RuleQuery* query = nullptr;
  model::TimeMs at = 0;         // The group's time slot.
  int64_t query_offset_ms = 0;  // Asked, and stamped, that much before it.
  int64_t limit = 0;            // Of series or alerts; 0: none.
  model::TimeMs sample_time() const { return at - query_offset_ms; }
};

// Not thread-safe: evaluated and looked at under its group's lock.
class Rule {
 public:
  explicit Rule(const RuleConfig& config, LabelTexts labels)
      : name_(config.name()), expr_(config.expr), labels_(std::move(labels)) {}
  virtual ~Rule() = default;

  // The series to write, all stamped evaluation.sample_time(). Errors leave nothing to write.
  virtual absl::StatusOr<std::vector<promql::VectorSample>> Evaluate(
      const RuleEvaluation& evaluation) = 0;

  const std::string& name() const { return name_; }
  const promql::ExprPtr& expr() const { return expr_; }
  const LabelTexts& labels() const { return labels_; }  // The group's are among them.

  RuleHealth health() const { return health_; }
  const absl::Status& last_error() const { return last_error_; }
  // An error makes it bad, else it is good.
  void SetOutcome(absl::Status status) {
    health_ = status.ok() ? RuleHealth::kGood : RuleHealth::kBad;
    last_error_ = std::move(status);
  }

 protected:
  promql::QueryOrigin origin() const;  // For the log of queries.

 private:
  const std::string name_;
  const promql::ExprPtr expr_;
  const LabelTexts labels_;
  RuleHealth health_ = RuleHealth::kUnknown;
  absl::Status last_error_;
};

}  // namespace server
