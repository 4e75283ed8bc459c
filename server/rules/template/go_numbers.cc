#include "server/rules/template/go_numbers.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "storage/model/number_text.h"

namespace server::text_template {
namespace {

size_t Runes(std::string_view s) {
  return static_cast<size_t>(
      std::count_if(s.begin(), s.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// Zeros go between the sign and the digits.
std::string PaddedNumber(std::string text, const Spec& spec) {
  if (!spec.width || spec.minus || !spec.zero || text.empty()) return Padded(std::move(text), spec);
  const bool sign = text[0] == '-' || text[0] == '+' || text[0] == ' ';
  const size_t runes = Runes(text);
  if (runes >= static_cast<size_t>(*spec.width)) return text;
  return text.substr(0, sign) + std::string(*spec.width - runes, '0') + text.substr(sign);
}

// Formats like C do with Go's exponent and without padding.
std::string Fixed(double v, char verb, int precision) {
  std::string out(512, '\0');
  const char format[] = {'%', '.', '*', verb, '\0'};
  const int n = std::snprintf(out.data(), out.size(), format, precision, v);
  if (n >= static_cast<int>(out.size())) {
    out.resize(n + 1);
    std::snprintf(out.data(), out.size(), format, precision, v);
  }
  out.resize(n);
  return out;
}

std::string Shortest(double v, char verb) {
  const char lower = static_cast<char>(verb | 0x20);
  std::string out = model::FormatFloat(v, lower);
  if (verb != lower) std::replace(out.begin(), out.end(), 'e', 'E');
  return out;
}

// C writes an exponent of one digit where Go wants two.
std::string HexFloat(double v, char verb, std::optional<int> precision) {
  char format[] = {'%', '.', '*', verb == 'x' ? 'a' : 'A', '\0'};
  std::string out(64 + precision.value_or(0), '\0');
  out.resize(std::snprintf(out.data(), out.size(), format, precision.value_or(-1), v));
  const size_t exponent = out.find_first_of("pP") + 2;
  if (out.size() - exponent == 1) out.insert(exponent, "0");
  return out;
}

// The bits of it: 4611686018427388p-62.
std::string BinaryFloat(double v) {
  const uint64_t bits = std::bit_cast<uint64_t>(v);
  uint64_t mantissa = bits & ((uint64_t{1} << 52) - 1);
  int exponent = static_cast<int>(bits >> 52 & 0x7FF);
  if (exponent == 0) {
    ++exponent;
  } else {
    mantissa |= uint64_t{1} << 52;
  }
  return fmt::format("{}{}p{:+}", std::signbit(v) ? "-" : "", mantissa, exponent - 1075);
}

}  // namespace

std::string Padded(std::string text, const Spec& spec) {
  const size_t runes = Runes(text);
  if (!spec.width || runes >= static_cast<size_t>(*spec.width)) return text;
  const size_t missing = *spec.width - runes;
  if (spec.minus) return text + std::string(missing, ' ');
  return std::string(missing, spec.zero ? '0' : ' ') + text;
}

std::string FormatFloatVerb(double v, const Spec& spec) {
  const char verb = spec.verb == 'v' ? 'g' : spec.verb == 'F' ? 'f' : static_cast<char>(spec.verb);
  std::string text;
  if (std::isnan(v) || std::isinf(v)) {
    text = std::isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf";
    Spec plain = spec;
    plain.zero = false;
    if (text[0] == '+' && !spec.plus) text = spec.space ? " Inf" : "+Inf";
    if (text == "NaN" && spec.plus) text = "+NaN";
    return Padded(std::move(text), plain);
  }
  const bool g = verb == 'g' || verb == 'G';
  if (verb == 'b') {
    text = BinaryFloat(v);
  } else if (verb == 'x' || verb == 'X') {
    text = HexFloat(v, verb, spec.precision);
  } else if (g && !spec.precision) {
    text = Shortest(v, verb);
  } else {
    text = Fixed(v, verb, g ? std::max(*spec.precision, 1) : spec.precision.value_or(6));
  }
  if (v >= 0 && !std::signbit(v)) {
    if (spec.plus)
      text.insert(0, "+");
    else if (spec.space)
      text.insert(0, " ");
  }
  return PaddedNumber(std::move(text), spec);
}

std::string FormatInteger(uint64_t magnitude, bool negative, int base, bool upper,
                          const Spec& spec) {
  const std::string_view all = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  std::string digits;
  do {
    digits += all[magnitude % base];
    magnitude /= base;
  } while (magnitude > 0);
  std::reverse(digits.begin(), digits.end());
  const auto extend = [&](int to) {
    if (static_cast<int>(digits.size()) < to) digits.insert(0, to - digits.size(), '0');
  };
  const bool sign = negative || spec.plus || spec.space;
  if (spec.precision) {
    if (*spec.precision == 0 && digits == "0") {
      Spec spaces = spec;
      spaces.zero = false;
      return Padded("", spaces);
    }
    extend(*spec.precision);
  } else if (spec.zero && !spec.minus && spec.width) {
    extend(*spec.width - (sign ? 1 : 0));
  }
  if (spec.sharp && base == 2) digits.insert(0, "0b");
  if (spec.sharp && base == 8 && digits[0] != '0') digits.insert(0, "0");
  if (spec.sharp && base == 16) digits.insert(0, upper ? "0X" : "0x");
  if (spec.verb == 'O') digits.insert(0, "0o");
  if (sign) digits.insert(0, negative ? "-" : spec.plus ? "+" : " ");
  Spec spaces = spec;
  spaces.zero = false;
  return Padded(std::move(digits), spaces);
}

}  // namespace server::text_template
