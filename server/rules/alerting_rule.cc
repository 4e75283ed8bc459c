#include "server/rules/alerting_rule.h"

#include <algorithm>
#include <utility>

#include "storage/base/status.h"

namespace server {
namespace {

constexpr std::string_view kAlertName = "alertname", kAlertState = "alertstate";
constexpr std::string_view kAlerts = "ALERTS", kAlertsForState = "ALERTS_FOR_STATE";

int64_t FloorSeconds(model::TimeMs t) { return t / 1000 - (t % 1000 < 0 ? 1 : 0); }

}  // namespace

AlertingRule::AlertingRule(const RuleConfig& config, LabelTexts labels,
                           AlertSurroundings surroundings)
    : Rule(config, labels),
      for_ms_(config.for_ms),
      keep_firing_for_ms_(config.keep_firing_for_ms),
      surroundings_(std::move(surroundings)),
      own_labels_(model::Labels::FromPairs(labels)) {
  for (const auto& [label, text] : labels) {
    label_texts_.emplace_back(label, text_template::AlertTemplate(name(), text));
  }
  for (const auto& [annotation, text] : config.annotations) {
    annotation_texts_.emplace_back(annotation, text_template::AlertTemplate(name(), text));
  }
}

LabelTexts AlertingRule::annotations() const {
  LabelTexts out;
  for (const auto& [annotation, text] : annotation_texts_)
    out.emplace_back(annotation, text.text());
  return out;
}

Alert AlertingRule::MakeAlert(const promql::VectorSample& sample, const RuleEvaluation& evaluation,
                              const text_template::Surroundings& surroundings) const {
  const text_template::Value data = text_template::ToValue(
      {sample.labels, surroundings_.external_labels, surroundings_.external_url, &sample});
  Alert alert;
  model::LabelsBuilder builder(sample.labels);
  builder.Remove(model::kMetricName);
  for (const auto& [label, text] : label_texts_) {
    builder.Set(label, text.ExpandToText(data, surroundings));
  }
  builder.Set(kAlertName, name());
  alert.labels = builder.Build();
  for (const auto& [annotation, text] : annotation_texts_) {
    alert.annotations.emplace_back(annotation, text.ExpandToText(data, surroundings));
  }
  alert.active_at = evaluation.at;
  alert.value = sample.sample.v;
  return alert;
}

absl::StatusOr<std::vector<promql::VectorSample>> AlertingRule::Evaluate(
    const RuleEvaluation& evaluation) {
  const model::TimeMs now = evaluation.at;
  evaluated_ = true;
  ASSIGN_OR_RETURN(const std::vector<promql::VectorSample> samples,
                   evaluation.query->Evaluate(expr(), evaluation.sample_time(), origin()));
  text_template::Surroundings surroundings;
  surroundings.now = now;
  surroundings.external_url = surroundings_.external_url;
  surroundings.query = [&](std::string_view query) {
    return evaluation.query->Evaluate(query, now, origin());
  };
  std::map<model::Labels, Alert> found;
  for (const promql::VectorSample& sample : samples) {
    Alert alert = MakeAlert(sample, evaluation, surroundings);
    model::Labels labels = alert.labels;
    if (!found.emplace(std::move(labels), std::move(alert)).second) {
      return base::InvalidArgument(
          "vector contains metrics with the same labelset after applying alert labels");
    }
  }
  for (const auto& [labels, alert] : found) {
    const auto known = active_.find(labels);
    if (known != active_.end() && known->second.state != AlertState::kInactive) {
      known->second.value = alert.value;
      known->second.annotations = alert.annotations;
    } else {
      active_[labels] = alert;
    }
  }
  std::vector<promql::VectorSample> out;
  int64_t alive = 0;
  for (auto it = active_.begin(); it != active_.end();) {
    bool forget = false;
    if (Advance(found.contains(it->first), now, &it->second, &forget)) {
      ++alive;
      if (restored_) AppendSeries(it->second, evaluation.sample_time(), &out);
    }
    it = forget ? active_.erase(it) : std::next(it);
  }
  if (evaluation.limit > 0 && alive > evaluation.limit) {
    active_.clear();
    return base::InvalidArgument("exceeded limit of {} with {} alerts", evaluation.limit, alive);
  }
  return out;
}

bool AlertingRule::Advance(bool present, model::TimeMs now, Alert* alert, bool* forget) const {
  Alert& a = *alert;
  if (present) {
    a.keep_firing_since.reset();
  } else {
    bool keeps_firing = false;
    if (a.state == AlertState::kFiring && keep_firing_for_ms_ > 0) {
      if (!a.keep_firing_since) a.keep_firing_since = now;
      keeps_firing = now - *a.keep_firing_since < keep_firing_for_ms_;
    }
    *forget = a.state == AlertState::kPending ||
              (a.resolved_at && now - *a.resolved_at > kResolvedRetentionMs);
    if (a.state != AlertState::kInactive && !keeps_firing) {
      a.state = AlertState::kInactive;
      a.resolved_at = now;
    }
    if (!keeps_firing) return false;
  }
  if (a.state == AlertState::kPending && now - a.active_at >= for_ms_) {
    a.state = AlertState::kFiring;
    a.fired_at = now;
  }
  // The rule waits longer than when it was fired.
  if (a.state == AlertState::kFiring && now - a.active_at < for_ms_) {
    a.state = AlertState::kPending;
    a.fired_at.reset();
    a.last_sent_at.reset();
    a.keep_firing_since.reset();
  }
  return true;
}

void AlertingRule::AppendSeries(const Alert& alert, model::TimeMs t,
                                std::vector<promql::VectorSample>* out) const {
  model::LabelsBuilder builder(own_labels_);
  for (const model::Label& label : alert.labels) builder.Set(label.name, label.value);
  builder.Set(kAlertName, name());
  builder.Set(model::kMetricName, kAlertsForState);
  model::Labels for_state = builder.Build();
  builder.Set(model::kMetricName, kAlerts);
  builder.Set(kAlertState, ToString(alert.state));
  out->push_back({builder.Build(), {t, 1}, nullptr});
  out->push_back(
      {std::move(for_state), {t, static_cast<double>(FloorSeconds(alert.active_at))}, nullptr});
}

std::vector<Alert> AlertingRule::ActiveAlerts() const {
  std::vector<Alert> out;
  for (const auto& [labels, alert] : active_) {
    if (!alert.resolved_at) out.push_back(alert);
  }
  return out;
}

AlertState AlertingRule::state() const {
  if (!evaluated_) return AlertState::kUnknown;
  AlertState worst = AlertState::kInactive;
  for (const auto& [labels, alert] : active_) worst = std::max(worst, alert.state);
  return worst;
}

void AlertingRule::TakeStateFrom(AlertingRule* before) {
  active_ = std::exchange(before->active_, {});
  restored_ = before->restored_;
}

std::vector<Alert> AlertingRule::TakeAlertsToSend(model::TimeMs now, int64_t resend_delay_ms,
                                                  int64_t interval_ms) {
  std::vector<Alert> out;
  for (auto& [labels, alert] : active_) {
    if (!alert.NeedsSending(now, resend_delay_ms)) continue;
    alert.last_sent_at = now;
    alert.valid_until = now + 4 * std::max(interval_ms, resend_delay_ms);
    out.push_back(alert);
  }
  return out;
}

}  // namespace server
