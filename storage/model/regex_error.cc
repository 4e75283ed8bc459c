#include "storage/model/regex_error.h"

#include <re2/re2.h>

#include "storage/base/status.h"

namespace model {

absl::Status CompileError(const RE2& re2, std::string_view whole) {
  std::string_view what = "invalid regular expression";
  std::string_view where = re2.error_arg();
  switch (re2.error_code()) {
    case RE2::ErrorBadEscape: what = "invalid escape sequence"; break;
    case RE2::ErrorBadCharClass: what = "invalid character class"; break;
    case RE2::ErrorBadCharRange: what = "invalid character class range"; break;
    case RE2::ErrorMissingBracket: what = "missing closing ]"; break;
    case RE2::ErrorMissingParen: what = "missing closing )", where = whole; break;
    case RE2::ErrorUnexpectedParen: what = "unexpected )", where = whole; break;
    case RE2::ErrorTrailingBackslash: what = "trailing backslash at end of expression"; break;
    case RE2::ErrorRepeatArgument: what = "missing argument to repetition operator"; break;
    case RE2::ErrorRepeatSize: what = "invalid repeat count"; break;
    case RE2::ErrorRepeatOp: what = "invalid nested repetition operator"; break;
    case RE2::ErrorBadPerlOp: what = "invalid or unsupported Perl syntax"; break;
    case RE2::ErrorBadUTF8: what = "invalid UTF-8"; break;
    case RE2::ErrorBadNamedCapture: what = "invalid named capture"; break;
    case RE2::ErrorPatternTooLarge: what = "expression too large", where = whole; break;
    default: break;
  }
  std::string as_written(where);
  // What InRe2Syntax has put in.
  if (as_written.starts_with("(?P<") && whole.find(where) == std::string_view::npos) {
    as_written.erase(2, 1);
  }
  return base::InvalidArgument("error parsing regexp: {}: `{}`", what, as_written);
}

}  // namespace model
