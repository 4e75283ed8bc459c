// alert: an expression whose every series is an alert, first pending, then firing.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/rules/alert.h"
#include "server/rules/rule.h"
#include "server/rules/template/alert_template.h"

namespace server {

// What alerts' templates know beside the alert.
struct AlertSurroundings {
  model::Labels external_labels;
  std::string external_url;
};

class AlertingRule final : public Rule {
 public:
  // A resolved alert is kept, and told again, this long.
  static constexpr int64_t kResolvedRetentionMs = 15 * 60'000;

  AlertingRule(const RuleConfig& config, LabelTexts labels, AlertSurroundings surroundings);

  // Moves every alert on:
  //   a new series                  -> pending; firing at once without `for`
  //   pending for `for`             -> firing
  //   its series is gone: pending   -> forgotten
  //                       firing    -> inactive, after keep_firing_for; forgotten 15 minutes later
  // and gives ALERTS and ALERTS_FOR_STATE of those that are pending or firing, once `restored`.
  // kInvalidArgument when two alerts get the same labels, or there are more than the limit: then
  // all are forgotten.
  absl::StatusOr<std::vector<promql::VectorSample>> Evaluate(
      const RuleEvaluation& evaluation) override;

  // Alerts that are not resolved, by labels.
  std::vector<Alert> ActiveAlerts() const;
  AlertState state() const;  // The worst of its alerts; kUnknown before the first evaluation.
  int64_t for_ms() const { return for_ms_; }
  int64_t keep_firing_for_ms() const { return keep_firing_for_ms_; }
  // As written.
  LabelTexts annotations() const;

  // What earlier runs knew of its alerts has been looked for: their series are written from now on.
  void set_restored() { restored_ = true; }

  // The alerts of the rule that this one replaces, with all that is known of them.
  void TakeStateFrom(AlertingRule* before);

  // Those to be told now; notes that they were. They hold for four times the longer of the two.
  std::vector<Alert> TakeAlertsToSend(model::TimeMs now, int64_t resend_delay_ms,
                                      int64_t interval_ms);

 private:
  using Texts = std::vector<std::pair<std::string, text_template::AlertTemplate>>;

  Alert MakeAlert(const promql::VectorSample& sample, const RuleEvaluation& evaluation,
                  const text_template::Surroundings& surroundings) const;
  // False when it is neither pending nor firing any more; *forget: nor worth remembering.
  bool Advance(bool present, model::TimeMs now, Alert* alert, bool* forget) const;
  void AppendSeries(const Alert& alert, model::TimeMs t,
                    std::vector<promql::VectorSample>* out) const;

  const int64_t for_ms_, keep_firing_for_ms_;
  const AlertSurroundings surroundings_;
  Texts label_texts_, annotation_texts_;
  model::Labels own_labels_;  // As written, those that are not empty.
  bool restored_ = false, evaluated_ = false;
  std::map<model::Labels, Alert> active_;
};

}  // namespace server
