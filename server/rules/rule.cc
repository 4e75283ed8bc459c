#include "server/rules/rule.h"

namespace server {

std::string_view ToString(RuleHealth health) {
  switch (health) {
    case RuleHealth::kUnknown: return "unknown";
    case RuleHealth::kGood: return "ok";
    case RuleHealth::kBad: return "err";
  }
  return "unknown";
}

promql::QueryOrigin Rule::origin() const { return {"ruleGroup", {{"rule", name_}}}; }

}  // namespace server
