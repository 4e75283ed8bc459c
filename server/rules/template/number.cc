#include "server/rules/template/number.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "promql/text.h"
#include "storage/base/status.h"
#include "storage/model/number_text.h"

namespace server::text_template {
namespace {

struct Magnitude {
  uint64_t value = 0;
  bool overflow = false;
};

bool IsDigitOf(char c, int base) {
  const int d = c >= '0' && c <= '9'                     ? c - '0'
                : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                         : 99;
  return d < base;
}

// Digits with 0x, 0o, 0b or 0 before them, '_' between. Nullopt when they are no integer.
std::optional<Magnitude> ReadMagnitude(std::string_view s) {
  int base = 10;
  bool after = false;  // An underscore may follow.
  if (s.size() > 1 && s[0] == '0') {
    const char c = s[1] | 0x20;
    base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
    s.remove_prefix(c == 'x' || c == 'b' || c == 'o' ? 2 : 1);
    after = true;
  }
  if (s.empty()) return std::nullopt;
  std::string digits;
  for (const char c : s) {
    if (c == '_') {
      if (!after) return std::nullopt;
      after = false;
      continue;
    }
    if (!IsDigitOf(c, base)) return std::nullopt;
    digits += c;
    after = true;
  }
  if (!after || digits.empty()) return std::nullopt;
  Magnitude out;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), out.value, base);
  out.overflow = error == std::errc::result_out_of_range;
  return out;
}

absl::Status ReadChar(Node* node) {
  const auto value = promql::Unquote(node->text);
  int size = 0;
  if (!value || value->empty()) {
    return node->text.size() < 3
               ? base::InvalidArgument("invalid syntax")
               : base::InvalidArgument("malformed character constant: {}", node->text);
  }
  int32_t rune = promql::DecodeRune(*value, &size);
  if (size != static_cast<int>(value->size())) {
    return base::InvalidArgument("malformed character constant: {}", node->text);
  }
  // '\xff' is a byte, not a rune.
  if (rune == promql::kRuneError && size == 1) rune = static_cast<unsigned char>((*value)[0]);
  node->is_int = node->is_float = true;
  node->integer = rune;
  node->number = rune;
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadNumber(ItemKind kind, Node* node) {
  if (kind == ItemKind::kCharConstant) return ReadChar(node);
  const std::string& text = node->text;
  if (kind == ItemKind::kComplex || text.ends_with('i')) {
    return base::InvalidArgument("imaginary numbers are not supported: {}", promql::Quote(text));
  }
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  const auto magnitude = ReadMagnitude(digits);
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  if (magnitude && !magnitude->overflow && magnitude->value <= kMost + (negative ? 1 : 0)) {
    node->is_int = node->is_float = true;
    node->integer = static_cast<int64_t>(negative ? 0 - magnitude->value : magnitude->value);
    node->number = static_cast<double>(node->integer);
    return absl::OkStatus();
  }
  if (magnitude && !magnitude->overflow && text[0] >= '0' && text[0] <= '9') {
    node->is_float = true;  // Too large for a signed one.
    node->number = static_cast<double>(magnitude->value);
    return absl::OkStatus();
  }
  const auto number = model::ParseFloat(text, /*underscores=*/false);
  if (!number) return base::InvalidArgument("illegal number syntax: {}", promql::Quote(text));
  if (text.find_first_of(".eEpP") == std::string::npos) {
    return base::InvalidArgument("integer overflow: {}", promql::Quote(text));
  }
  node->is_float = true;
  node->number = *number;
  if (std::trunc(*number) == *number && std::fabs(*number) < 9.2e18) {
    node->is_int = true;
    node->integer = static_cast<int64_t>(*number);
  }
  return absl::OkStatus();
}

}  // namespace server::text_template
