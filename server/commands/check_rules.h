// tidemark check rules: whether rule files are good.
#pragma once

#include <span>
#include <string>

namespace server {

// `args` begin behind "rules". Without a file it reads the standard input. kGood; kFailed when a
// file is bad; 3 when one is but doubtful, and --lint-fatal is given; kBadUsage.
int RunCheckRules(std::span<const std::string> args);

// Prints what becomes of the files of a configuration, as of those above; false when one is bad. A
// name without * must be there.
bool CheckRuleFiles(std::span<const std::string> patterns);

}  // namespace server
