#include "server/config/scalar.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "storage/model/number_text.h"

namespace server {
namespace {

template <size_t N>
bool OneOf(std::string_view s, const std::string_view (&words)[N]) {
  return std::find(std::begin(words), std::end(words), s) != std::end(words);
}

// Digits with sign and base as Go's ParseInt(text, 0, ...) takes them, '_' dropped before.
std::optional<uint64_t> ParseMagnitude(std::string_view s) {
  int base = 10;
  if (s.size() > 1 && s[0] == '0') {
    const char c = s[1] | 0x20;
    base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
    s.remove_prefix(c == 'x' || c == 'b' || c == 'o' ? 2 : 1);
  }
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value, base);
  if (s.empty() || error != std::errc() || end != s.data() + s.size()) return std::nullopt;
  return value;
}

constexpr std::string_view kUnits = "KMGTPE";

}  // namespace

std::optional<bool> YamlBool(const YamlNode& node) {
  if (!node.is_scalar() || !node.plain) return std::nullopt;
  static constexpr std::string_view kTrue[] = {"y",    "Y",    "yes", "Yes", "YES", "true",
                                               "True", "TRUE", "on",  "On",  "ON"};
  static constexpr std::string_view kFalse[] = {"n",     "N",     "no",  "No",  "NO", "false",
                                                "False", "FALSE", "off", "Off", "OFF"};
  if (OneOf(node.text, kTrue)) return true;
  if (OneOf(node.text, kFalse)) return false;
  return std::nullopt;
}

std::optional<int64_t> YamlInt(const YamlNode& node) {
  if (!node.is_scalar() || !node.plain) return std::nullopt;
  std::string digits = node.text;
  std::erase(digits, '_');
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.erase(0, 1);
  if (const auto magnitude = ParseMagnitude(digits)) {
    if (*magnitude > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
    return negative ? -static_cast<int64_t>(*magnitude) : static_cast<int64_t>(*magnitude);
  }
  const auto value = YamlFloat(node);
  if (!value || std::trunc(*value) != *value || std::fabs(*value) > 9e18) return std::nullopt;
  return static_cast<int64_t>(*value);
}

std::optional<uint64_t> YamlUint(const YamlNode& node) {
  if (node.is_scalar() && node.plain && !node.text.starts_with('-')) {
    std::string digits = node.text;
    std::erase(digits, '_');
    if (digits.starts_with('+')) digits.erase(0, 1);
    if (const auto magnitude = ParseMagnitude(digits)) return magnitude;
  }
  const auto value = YamlInt(node);
  if (!value || *value < 0) return std::nullopt;
  return static_cast<uint64_t>(*value);
}

std::optional<double> YamlFloat(const YamlNode& node) {
  if (!node.is_scalar() || !node.plain || node.text.empty()) return std::nullopt;
  const char first = node.text[0];
  const bool number =
      (first >= '0' && first <= '9') || first == '+' || first == '-' || first == '.';
  if (!number) return std::nullopt;
  static constexpr std::string_view kInf[] = {".inf", ".Inf", ".INF"}, kNan[] = {".nan", ".NaN", ".NAN"};
  if (OneOf(std::string_view(node.text), kNan)) return NAN;
  const std::string_view unsigned_text = std::string_view(node.text).substr(first == '+' || first == '-');
  if (OneOf(unsigned_text, kInf)) return first == '-' ? -INFINITY : INFINITY;
  std::string digits = node.text;
  std::erase(digits, '_');
  return model::ParseFloat(digits);
}

std::optional<uint64_t> ParseBytes(std::string_view text) {
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
    const auto number = model::ParseFloat(text.substr(0, digits));
    if (digits == 0 || !number) return std::nullopt;
    text.remove_prefix(digits);
    double unit = 1;
    const size_t power = text.empty() ? std::string_view::npos : kUnits.find(text[0]);
    if (power != std::string_view::npos) {
      unit = std::pow(1024.0, static_cast<double>(power + 1));
      text.remove_prefix(1);
      if (text.starts_with('i')) text.remove_prefix(1);
    }
    if (!text.starts_with('B')) return std::nullopt;
    text.remove_prefix(1);
    total += *number * unit;
  }
  if (!(total < 9.2e18)) return std::nullopt;
  return static_cast<uint64_t>(total);
}

std::string FormatBytes(uint64_t bytes) {
  if (bytes == 0) return "0B";
  std::string out;
  for (int power = static_cast<int>(kUnits.size()); power >= 0; --power) {
    const uint64_t unit = uint64_t{1} << (10 * power);
    if (const uint64_t n = bytes / unit; n > 0) {
      out += std::to_string(n);
      if (power > 0) out += {kUnits[power - 1], 'i'};
      out += 'B';
    }
    bytes %= unit;
  }
  return out;
}

}  // namespace server
