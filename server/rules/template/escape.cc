#include "server/rules/template/escape.h"

#include <fmt/format.h>

#include "promql/text.h"
#include "server/letters.h"

namespace server::text_template {
namespace {

// Between two letters these do not part a word: U+0027, U+002E, U+003A and what Unicode has like
// them.
bool IsMid(int32_t r) {
  return r == '\'' || r == '.' || r == ':' || r == 0xB7 || r == 0x2018 || r == 0x2019 ||
         r == 0x2024 || r == 0x2027;
}

}  // namespace

std::string EscapeHtml(std::string_view s) {
  std::string out;
  for (const char c : s) {
    switch (c) {
      case '\0': out += "\uFFFD"; break;
      case '"': out += "&#34;"; break;
      case '\'': out += "&#39;"; break;
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string EscapeJs(std::string_view s) {
  std::string out;
  while (!s.empty()) {
    int size = 1;
    const unsigned char c = s[0];
    if (c == '\\' || c == '\'' || c == '"') {
      out += {'\\', s[0]};
    } else if (c < ' ' || c == '<' || c == '>' || c == '&' || c == '=') {
      out += fmt::format("\\u{:04X}", c);
    } else if (c < 0x80) {
      out += s[0];
    } else {
      const int32_t rune = promql::DecodeRune(s, &size);
      const std::string_view bytes = s.substr(0, size);
      // What Go's quoting leaves alone is printable.
      const bool printable = size == 1 || promql::Quote(bytes).find('\\') == std::string::npos;
      out += printable ? std::string(bytes) : fmt::format("\\u{:04X}", rune);
    }
    s.remove_prefix(size);
  }
  return out;
}

std::string EscapeUrlQuery(std::string_view s) {
  std::string out;
  for (const char c : s) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string TitleCase(std::string_view s) {
  std::string out;
  bool inside = false, after_mid = false;
  while (!s.empty()) {
    int size = 0;
    const int32_t rune = promql::DecodeRune(s, &size);
    const bool mid = IsMid(rune);
    if (IsCased(rune)) {
      promql::AppendRune(&out, inside ? rune : ToUpper(rune));
      inside = true;
    } else {
      out += s.substr(0, size);
      const bool joins = mid || rune == '_' || IsLetter(rune) || IsDigit(rune) || rune >= 0x300;
      if (!joins || (mid && after_mid)) inside = false;
    }
    after_mid = mid;
    s.remove_prefix(size);
  }
  return out;
}

}  // namespace server::text_template
