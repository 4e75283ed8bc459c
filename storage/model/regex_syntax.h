// Where Go's regular expressions and RE2's differ.
#pragma once

#include <string>
#include <string_view>

#include <absl/status/status.h>

namespace model {

// (?<name>...) as this RE2 knows it: (?P<name>...). All else as it is.
std::string InRe2Syntax(std::string_view pattern);

// For a pattern that RE2 takes: what Go does not. \C, and group names that are not ASCII.
// kInvalidArgument in Go's words.
absl::Status CheckGoSyntax(std::string_view pattern);

}  // namespace model
