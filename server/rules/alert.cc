#include "server/rules/alert.h"

namespace server {

std::string_view ToString(AlertState state) {
  switch (state) {
    case AlertState::kUnknown: return "unknown";
    case AlertState::kInactive: return "inactive";
    case AlertState::kPending: return "pending";
    case AlertState::kFiring: return "firing";
  }
  return "unknown";
}

bool Alert::NeedsSending(model::TimeMs now, int64_t resend_delay_ms) const {
  if (state == AlertState::kPending) return false;
  if (!last_sent_at || (resolved_at && *resolved_at > *last_sent_at)) return true;
  return *last_sent_at + resend_delay_ms < now;
}

}  // namespace server
