#include "server/rules/rule_group.h"

#include <map>
#include <utility>

#include "server/rules/recording_rule.h"
#include "storage/base/status.h"

namespace server {
namespace {

absl::Status Refused(const promql::VectorSample& sample, storage::Outcome outcome) {
  if (outcome == storage::Outcome::kInvalidHistogram && sample.histogram != nullptr) {
    const absl::Status why = sample.histogram->Validate();
    if (!why.ok()) return base::Annotate(why, sample.labels.ToString());
  }
  return base::InvalidArgument("{}: {}", sample.labels.ToString(), storage::ToString(outcome));
}

}  // namespace

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
  // Those that could not be written are tried again.
  MarkOrphansStale(evaluation.sample_time()).IgnoreError();
}

absl::Status RuleGroup::MarkOrphansStale(model::TimeMs at) {
  if (orphans_.empty()) return absl::OkStatus();
  const std::unique_ptr<storage::Appender> appender = environment_.storage->NewAppender();
  for (const model::Labels& labels : orphans_) {
    // Refused where a rule gives the series now.
    appender->Append(storage::SeriesRef::kNone, labels, {at, model::StaleNan()});
  }
  RETURN_IF_ERROR(appender->Commit());
  orphans_.clear();
  return absl::OkStatus();
}

absl::Status RuleGroup::MarkAllStale(model::TimeMs at) {
  for (SeriesSet& series : series_of_last_) {
    orphans_.insert(orphans_.end(), series.begin(), series.end());
    series.clear();
  }
  return MarkOrphansStale(at - query_offset_ms_);
}

void RuleGroup::TakeStateFrom(RuleGroup* before) {
  std::multimap<std::pair<std::string, LabelTexts>, size_t> known;  // In their order.
  for (size_t i = 0; i < before->rules_.size(); ++i) {
    known.emplace(std::pair(before->rules_[i]->name(), before->rules_[i]->labels()), i);
  }
  for (size_t i = 0; i < rules_.size(); ++i) {
    const auto it = known.find({rules_[i]->name(), rules_[i]->labels()});
    if (it == known.end()) continue;
    series_of_last_[i] = std::exchange(before->series_of_last_[it->second], {});
    auto* alerting = dynamic_cast<AlertingRule*>(rules_[i].get());
    auto* old = dynamic_cast<AlertingRule*>(before->rules_[it->second].get());
    if (alerting != nullptr && old != nullptr) alerting->TakeStateFrom(old);
    known.erase(it);
  }
  orphans_ = std::exchange(before->orphans_, {});
  for (SeriesSet& series : before->series_of_last_) {
    orphans_.insert(orphans_.end(), series.begin(), series.end());
    series.clear();
  }
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
      refused = Refused(sample, appended.outcome);
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
