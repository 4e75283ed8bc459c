#include "promql/text.h"

#include <cmath>
#include <cstdlib>
#include <limits>

#include <fmt/format.h>

#include "storage/model/labels.h"
#include "storage/model/number_text.h"

namespace promql {
namespace {

// Size of a sequence by its first byte, the least rune that needs this size, and the bits of the
// first byte that count. 0: not a first byte.
struct Lead {
  int size;
  int32_t least;
  int32_t bits;
};

Lead LeadOf(unsigned char c) {
  if (c < 0x80) return {1, 0, c};
  if (c >= 0xC2 && c < 0xE0) return {2, 0x80, c & 0x1F};
  if (c >= 0xE0 && c < 0xF0) return {3, 0x800, c & 0x0F};
  if (c >= 0xF0 && c < 0xF5) return {4, 0x10000, c & 0x07};
  return {0, 0, 0};
}

bool IsSurrogate(int32_t rune) { return rune >= 0xD800 && rune < 0xE000; }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Reads `digits` digits of `base` from the front of *s.
std::optional<uint32_t> TakeDigits(std::string_view* s, size_t digits, int base) {
  if (s->size() < digits) return std::nullopt;
  uint32_t value = 0;
  for (size_t i = 0; i < digits; ++i) {
    const int d = HexDigit((*s)[i]);
    if (d < 0 || d >= base) return std::nullopt;
    value = value * base + d;
  }
  s->remove_prefix(digits);
  return value;
}

// Takes one escape, its backslash gone already, from the front of *s.
bool TakeEscape(std::string_view* s, char quote, std::string* out) {
  if (s->empty()) return false;
  const char c = s->front();
  constexpr std::string_view kNames = "abfnrtv\\", kValues = "\a\b\f\n\r\t\v\\";
  if (const size_t i = kNames.find(c); i != std::string_view::npos) {
    s->remove_prefix(1);
    *out += kValues[i];
    return true;
  }
  if (c == quote) {
    s->remove_prefix(1);
    *out += c;
    return true;
  }
  if (c >= '0' && c <= '7') {
    const auto value = TakeDigits(s, 3, 8);
    if (!value || *value > 255) return false;
    *out += static_cast<char>(*value);
    return true;
  }
  if (c != 'x' && c != 'u' && c != 'U') return false;
  s->remove_prefix(1);
  const auto value = TakeDigits(s, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16);
  if (!value || *value > 0x10FFFF) return false;
  if (c == 'x') {
    *out += static_cast<char>(*value);
  } else {
    AppendRune(out, static_cast<int32_t>(*value));
  }
  return true;
}

// The escaped form of one rune without quotes around it.
std::string Escaped(int32_t rune) {
  if (rune == '"') return "\"";
  std::string one;
  AppendRune(&one, rune);
  std::string quoted = Quote(one);
  return quoted.substr(1, quoted.size() - 2);
}

// An integer whose base its prefix tells; nullopt where that does not fit, as a float may.
std::optional<int64_t> ReadInteger(std::string_view text) {
  uint64_t base = 10;
  if (text.size() >= 3 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    base = 16;
    text.remove_prefix(2);
    if (text[0] == '_') text.remove_prefix(1);
  } else if (text.size() >= 2 && text[0] == '0') {
    base = 8;
    text.remove_prefix(1);
    if (text[0] == '_') text.remove_prefix(1);
  }
  uint64_t value = 0;
  bool after_digit = false;
  for (const char c : text) {
    if (c == '_' && after_digit) {
      after_digit = false;
      continue;
    }
    const int d = HexDigit(c);
    if (d < 0 || static_cast<uint64_t>(d) >= base) return std::nullopt;
    if (value > (std::numeric_limits<int64_t>::max() - d) / base) return std::nullopt;
    value = value * base + d;
    after_digit = true;
  }
  if (!after_digit) return std::nullopt;
  return static_cast<int64_t>(value);
}

}  // namespace

int32_t DecodeRune(std::string_view s, int* size) {
  *size = 0;
  if (s.empty()) return kEndOfText;
  *size = 1;
  const Lead lead = LeadOf(static_cast<unsigned char>(s[0]));
  if (lead.size == 0 || s.size() < static_cast<size_t>(lead.size)) return kRuneError;
  int32_t rune = lead.bits;
  for (int i = 1; i < lead.size; ++i) {
    const auto c = static_cast<unsigned char>(s[i]);
    if ((c & 0xC0) != 0x80) return kRuneError;
    rune = rune << 6 | (c & 0x3F);
  }
  if (rune < lead.least || rune > 0x10FFFF || IsSurrogate(rune)) return kRuneError;
  *size = lead.size;
  return rune;
}

void AppendRune(std::string* out, int32_t rune) {
  if (rune < 0 || rune > 0x10FFFF || IsSurrogate(rune)) rune = kRuneError;
  const auto tail = [&](int shift) { *out += static_cast<char>(0x80 | ((rune >> shift) & 0x3F)); };
  if (rune < 0x80) {
    *out += static_cast<char>(rune);
  } else if (rune < 0x800) {
    *out += static_cast<char>(0xC0 | rune >> 6);
    tail(0);
  } else if (rune < 0x10000) {
    *out += static_cast<char>(0xE0 | rune >> 12);
    tail(6), tail(0);
  } else {
    *out += static_cast<char>(0xF0 | rune >> 18);
    tail(12), tail(6), tail(0);
  }
}

std::string Quote(std::string_view s) {
  std::string out;
  model::AppendQuoted(&out, s);
  return out;
}

std::string QuoteRune(int32_t rune) {
  return fmt::format("'{}'", rune == '\'' ? "\\'" : Escaped(rune));
}

std::string UnicodeName(int32_t rune) {
  std::string self;
  AppendRune(&self, rune);
  const bool printable = rune == '\\' || Escaped(rune) == self;
  return fmt::format("U+{:04X}{}", static_cast<uint32_t>(rune),
                     printable ? fmt::format(" '{}'", self) : "");
}

std::string QuotePrefix(std::string_view s, int runes) {
  size_t end = 0;
  for (int i = 0; i < runes && end < s.size(); ++i) {
    int size = 0;
    DecodeRune(s.substr(end), &size);
    end += size;
  }
  return Quote(s.substr(0, end));
}

std::optional<std::string> Unquote(std::string_view literal) {
  if (literal.size() < 2 || literal.front() != literal.back()) return std::nullopt;
  const char quote = literal.front();
  std::string_view s = literal.substr(1, literal.size() - 2);
  if (quote == '`') {
    if (s.find('`') != std::string_view::npos) return std::nullopt;
    return std::string(s);
  }
  if (quote != '"' && quote != '\'') return std::nullopt;
  std::string out;
  while (!s.empty()) {
    const char c = s.front();
    if (c == quote || c == '\n') return std::nullopt;
    s.remove_prefix(1);
    if (c != '\\') {
      out += c;
    } else if (!TakeEscape(&s, quote, &out)) {
      return std::nullopt;
    }
  }
  return out;
}

NumberText ReadNumber(std::string_view text) {
  if (const auto integer = ReadInteger(text)) return {static_cast<double>(*integer), ""};
  if (const auto value = model::ParseFloat(text, /*underscores=*/true)) return {value, ""};
  std::string plain;
  for (const char c : text) {
    if (c != '_') plain += c;
  }
  char* end = nullptr;
  const bool too_large = std::isinf(std::strtod(plain.c_str(), &end)) && *end == '\0';
  return {std::nullopt, too_large ? "value out of range" : "invalid syntax"};
}

}  // namespace promql
