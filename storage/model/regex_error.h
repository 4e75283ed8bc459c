// RE2's errors in the words of Go's regexp/syntax.
#pragma once

#include <string_view>

#include <absl/status/status.h>

namespace re2 {
class RE2;
}

namespace model {

// kInvalidArgument: error parsing regexp: missing closing ]: `[a)$`. `whole` is the expression
// as it was written, before InRe2Syntax.
absl::Status CompileError(const re2::RE2& re2, std::string_view whole);

}  // namespace model
