#include "storage/model/regex_syntax.h"

#include <algorithm>

#include "storage/base/status.h"

namespace model {
namespace {

// How long the class is that begins with the '[' at the front. A ']' that comes first stands for
// itself, and [:alpha:] is one item.
size_t ClassSize(std::string_view s) {
  size_t i = 1;
  if (s.substr(i).starts_with('^')) ++i;
  if (s.substr(i).starts_with(']')) ++i;
  while (i < s.size() && s[i] != ']') {
    if (s[i] == '\\') {
      i += 2;
    } else if (s.substr(i).starts_with("[:") && s.find(":]", i + 2) != std::string_view::npos) {
      i = s.find(":]", i + 2) + 2;
    } else {
      ++i;
    }
  }
  return std::min(i + 1, s.size());
}

// How much at the front is one piece: a class, an escape, quoted text, or one byte.
size_t PieceSize(std::string_view s) {
  if (s[0] == '[') return ClassSize(s);
  if (s[0] != '\\') return 1;
  if (s.starts_with("\\Q")) {
    const size_t end = s.find("\\E");
    return end == std::string_view::npos ? s.size() : end + 2;
  }
  return std::min<size_t>(2, s.size());
}

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

std::string InRe2Syntax(std::string_view pattern) {
  std::string out;
  while (!pattern.empty()) {
    size_t n = PieceSize(pattern);
    if (pattern.starts_with("(?<")) {
      out += "(?P<";
      n = 3;
    } else {
      out += pattern.substr(0, n);
    }
    pattern.remove_prefix(n);
  }
  return out;
}

absl::Status CheckGoSyntax(std::string_view pattern) {
  for (; !pattern.empty(); pattern.remove_prefix(PieceSize(pattern))) {
    if (pattern.starts_with("\\C")) {
      return base::InvalidArgument("error parsing regexp: invalid escape sequence: `\\C`");
    }
    const size_t before_name =
        pattern.starts_with("(?<") ? 3 : pattern.starts_with("(?P<") ? 4 : 0;
    if (before_name == 0) continue;
    const size_t end = pattern.find('>');
    const std::string_view name = pattern.substr(before_name, end - before_name);
    if (!std::all_of(name.begin(), name.end(), IsNameByte)) {
      return base::InvalidArgument("error parsing regexp: invalid named capture: `{}`",
                                   pattern.substr(0, end + 1));
    }
  }
  return absl::OkStatus();
}

}  // namespace model
