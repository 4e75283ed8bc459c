#include "server/rules/rule_group.h"

#include "server/rules/recording_rule.h"
#include "storage/base/status.h"

namespace server {

RuleGroup::RuleGroup(const RuleGroupConfig& config, RuleGroupEnvironment environment)
    : config_(config),
      environment_(std::move(environment)),
      interval_ms_(config.interval_ms > 0 ? config.interval_ms : environment_.default_interval_ms),
      query_offset_ms_(config.query_offset_ms.value_or(environment_.default_query_offset_ms)),
      series_of_last_(config.rules.size()) {
  for (const RuleConfig& rule : config.rules) {
    LabelTexts labels = Merged(config.labels, rule.labels);
    if (rule.alert.empty()) {
      rules_.push_back(std::make_unique<RecordingRule>(rule, std::move(labels)));
    } else {
      rules_.push_back(
          std::make_unique<AlertingRule>(rule, std::move(labels), environment_.alert_surroundings));
    }
  }
}

std::vector<AlertingRule*> RuleGroup::alerting_rules() const {
  std::vector<AlertingRule*> out;
  for (const auto& rule : rules_) {
    if (auto* alerting = dynamic_cast<AlertingRule*>(rule.get())) out.push_back(alerting);
  }
  return out;
}

void RuleGroup::Evaluate(model::TimeMs at) {
  const RuleEvaluation evaluation = {environment_.query, at, query_offset_ms_, config_.limit};
  stats_.last_samples = 0;
  for (size_t i = 0; i < rules_.size(); ++i) EvaluateRule(i, evaluation);
}

void RuleGroup::EvaluateRule(size_t i, const RuleEvaluation& evaluation) {
  Rule& rule = *rules_[i];
  ++stats_.evaluations;
  const auto samples = rule.Evaluate(evaluation);
  absl::Status status = samples.status();
  if (samples.ok()) {
    stats_.last_samples += static_cast<int64_t>(samples->size());
    if (auto* alerting = dynamic_cast<AlertingRule*>(&rule)) {
      auto alerts =
          alerting->TakeAlertsToSend(evaluation.at, environment_.resend_delay_ms, interval_ms_);
      if (environment_.notify != nullptr) environment_.notify(*alerting, std::move(alerts));
    }
    status = Write(*samples, evaluation.sample_time(), &series_of_last_[i]);
  }
  if (!status.ok()) ++stats_.failures;
  rule.SetOutcome(std::move(status));
}

absl::Status RuleGroup::Write(const std::vector<promql::VectorSample>& samples,
                              model::TimeMs stale_at, SeriesSet* last) {
  absl::Status refused;
  SeriesSet written;
  const std::unique_ptr<storage::Appender> appender = environment_.storage->NewAppender();
  for (const promql::VectorSample& sample : samples) {
    const storage::Appended appended =
        sample.histogram == nullptr
            ? appender->Append(storage::SeriesRef::kNone, sample.labels, sample.sample)
            : appender->AppendHistogram(storage::SeriesRef::kNone, sample.labels, sample.sample.t,
                                        *sample.histogram);
    if (appended.outcome == storage::Outcome::kAccepted) {
      written.insert(sample.labels);
    } else {
      refused = base::InvalidArgument("{}: {}", sample.labels.ToString(),
                                      storage::ToString(appended.outcome));
    }
  }
  for (const model::Labels& labels : *last) {
    if (written.contains(labels)) continue;
    // Refused where another rule gives the series now.
    appender->Append(storage::SeriesRef::kNone, labels, {stale_at, model::StaleNan()});
  }
  RETURN_IF_ERROR(appender->Commit());
  *last = std::move(written);
  return refused;
}

}  // namespace server
