// A group of rules: evaluated one after the other at one time slot, each seeing what those before
// it wrote.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <absl/container/flat_hash_set.h>

#include "server/rules/alerting_rule.h"
#include "server/rules/rule.h"
#include "storage/appender.h"

namespace server {

// What a group needs from the process; all of it outlives the group.
struct RuleGroupEnvironment {
  const RuleQuery* query = nullptr;
  storage::Appendable* storage = nullptr;
  int64_t default_interval_ms = 60'000;  // global.evaluation_interval
  int64_t default_query_offset_ms = 0;   // global.rule_query_offset
  AlertSurroundings alert_surroundings;
  int64_t resend_delay_ms = 60'000;
  // Alerts to be told, after each alerting rule. Null: nobody is told.
  std::function<void(const AlertingRule& rule, std::vector<Alert> alerts)> notify;
};

// Totals over the group's life, and figures of its last evaluation.
struct RuleGroupStats {
  int64_t evaluations = 0, failures = 0;  // Of rules.
  int64_t last_samples = 0;
};

// Has no thread and no clock: whoever owns it calls Evaluate when it is time. Not thread-safe.
class RuleGroup {
 public:
  RuleGroup(const RuleGroupConfig& config, RuleGroupEnvironment environment);

  // Evaluates every rule at the slot `at` and commits what each gives before the next one runs. A
  // series that a rule gave last time and does not give now gets a stale marker. What goes wrong is
  // each rule's last_error(); a sample that the storage refuses makes its rule bad but keeps none
  // of the others back.
  void Evaluate(model::TimeMs at);

  // Takes over from the group that this one replaces: alerts and written series of rules with the
  // same name and labels, the first of them from the first, the second from the second. What the
  // others wrote becomes stale with the next evaluation.
  void TakeStateFrom(RuleGroup* before);

  // This group is gone: all that its rules wrote is stale from `at` on.
  absl::Status MarkAllStale(model::TimeMs at);

  const std::string& name() const { return config_.name; }
  const std::string& file() const { return config_.file; }
  int64_t interval_ms() const { return interval_ms_; }
  int64_t limit() const { return config_.limit; }
  int64_t query_offset_ms() const { return query_offset_ms_; }
  const std::vector<std::unique_ptr<Rule>>& rules() const { return rules_; }
  std::vector<AlertingRule*> alerting_rules() const;
  const RuleGroupStats& stats() const { return stats_; }

 private:
  using SeriesSet = absl::flat_hash_set<model::Labels, model::LabelsHash, model::LabelsEq>;

  void EvaluateRule(size_t i, const RuleEvaluation& evaluation);
  absl::Status MarkOrphansStale(model::TimeMs at);
  absl::Status Write(const std::vector<promql::VectorSample>& samples, model::TimeMs stale_at,
                     SeriesSet* last);

  const RuleGroupConfig config_;
  const RuleGroupEnvironment environment_;
  const int64_t interval_ms_, query_offset_ms_;
  std::vector<std::unique_ptr<Rule>> rules_;
  std::vector<SeriesSet> series_of_last_;  // One for each rule.
  std::vector<model::Labels> orphans_;     // Written by rules that are gone, not yet stale.
  RuleGroupStats stats_;
};

}  // namespace server
