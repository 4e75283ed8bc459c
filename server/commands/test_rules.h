// tidemark test rules: unit tests of rules, in promtool's format.
#pragma once

#include <span>
#include <string>

namespace server {

// `args` begin behind "rules". kGood; kFailed when a test fails; kBadUsage.
int RunTestRules(std::span<const std::string> args);

}  // namespace server
