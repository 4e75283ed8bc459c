// One alert: a series of an alerting rule's answer, and how long it has been there.
#pragma once

#include <optional>
#include <string_view>

#include "server/rules/rule_file.h"
#include "storage/model/labels.h"
#include "storage/model/sample.h"

namespace server {

enum class AlertState : uint8_t {
  kUnknown,
  kInactive,
  kPending,
  kFiring
};  // The worse, the greater.
std::string_view ToString(AlertState state);

struct Alert {
  AlertState state = AlertState::kPending;
  model::Labels labels;
  LabelTexts annotations;
  double value = 0;  // Of the last evaluation.
  model::TimeMs active_at = 0;
  std::optional<model::TimeMs> fired_at, resolved_at, last_sent_at, valid_until, keep_firing_since;

  // Whether it is time to tell (again): it fires, or has been resolved since it was last told.
  bool NeedsSending(model::TimeMs now, int64_t resend_delay_ms) const;
};

}  // namespace server
