#include "storage/model/number_text.h"

#include <charconv>
#include <cmath>
#include <cstdint>

namespace model {
namespace {

constexpr double kExactIntegers = 9007199254740992.0;  // 2^53

bool AppendSpecial(std::string* out, double v) {
  if (std::isnan(v)) {
    *out += "NaN";
  } else if (std::isinf(v)) {
    *out += v > 0 ? "+Inf" : "-Inf";
  } else {
    return false;
  }
  return true;
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool EqualsIgnoringCase(std::string_view s, std::string_view lower) {
  if (s.size() != lower.size()) return false;
  for (size_t i = 0; i < s.size(); ++i) {
    if (Lower(s[i]) != lower[i]) return false;
  }
  return true;
}

bool IsHexDigit(char c) {
  c = Lower(c);
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// Go's rule: an underscore stands between digits, or between a base prefix and a digit.
bool UnderscoresOk(std::string_view s) {
  char last = '^';
  bool hex = false;
  size_t i = 0;
  if (!s.empty() && (s[0] == '-' || s[0] == '+')) i = 1;
  if (s.size() - i >= 2 && s[i] == '0' && Lower(s[i + 1]) == 'x') {
    i += 2;
    last = '0';
    hex = true;
  }
  for (; i < s.size(); ++i) {
    const bool digit = (s[i] >= '0' && s[i] <= '9') || (hex && IsHexDigit(s[i]));
    if (digit) {
      last = '0';
    } else if (s[i] == '_') {
      if (last != '0') return false;
      last = '_';
    } else {
      if (last == '_') return false;
      last = '!';
    }
  }
  return last != '_';
}

std::optional<double> Convert(const char* begin, const char* end, std::chars_format format) {
  double v = 0;
  const auto [rest, error] = std::from_chars(begin, end, v, format);
  if (rest != end) return std::nullopt;
  if (error == std::errc()) return v;
  if (error != std::errc::result_out_of_range) return std::nullopt;
  // Too large is an error, too small is zero: from_chars does not say which; strtod does.
  const std::string text((format == std::chars_format::hex ? "0x" : "") + std::string(begin, end));
  v = std::strtod(text.c_str(), nullptr);
  if (std::isinf(v)) return std::nullopt;
  return v;
}

}  // namespace

void AppendFloat(std::string* out, double v, char format) {
  if (AppendSpecial(out, v)) return;
  char buf[1200];
  const double abs = std::fabs(v);
  if (format == 'f' && abs < kExactIntegers && v == std::trunc(v) && !(v == 0 && std::signbit(v))) {
    const auto r = std::to_chars(buf, buf + sizeof buf, static_cast<int64_t>(v));
    out->append(buf, r.ptr);
    return;
  }
  bool exponent = format == 'e';
  if (format == 'g') exponent = v != 0 && (abs < 1e-4 || abs >= 1e6);
  // 'g': the decision is on the decimal exponent of the shortest digits, and those of a number just
  // below 1e6 never round up to it (shortest digits round-trip).
  if (!exponent && abs >= kExactIntegers) {
    // to_chars in fixed notation prints all digits of the binary value; Go prints the shortest
    // digits and pads with zeros.
    const auto r = std::to_chars(buf, buf + sizeof buf, v, std::chars_format::scientific);
    std::string digits;
    const char* p = buf;
    if (*p == '-') *out += *p++;
    for (; p < r.ptr && *p != 'e'; ++p) {
      if (*p != '.') digits += *p;
    }
    int e = 0;
    std::from_chars(p + 2, r.ptr, e);  // "e+22"
    digits.append(static_cast<size_t>(e) + 1 - std::min<size_t>(digits.size(), e + 1), '0');
    *out += digits;
    return;
  }
  const auto r = std::to_chars(buf, buf + sizeof buf, v,
                               exponent ? std::chars_format::scientific : std::chars_format::fixed);
  out->append(buf, r.ptr);
}

std::string FormatFloat(double v, char format) {
  std::string out;
  AppendFloat(&out, v, format);
  return out;
}

void AppendJsonFloat(std::string* out, double v) {
  const double abs = std::fabs(v);
  AppendFloat(out, v, v != 0 && (abs < 1e-6 || abs >= 1e21) ? 'e' : 'f');
}

void AppendTimestamp(std::string* out, int64_t time_ms) {
  char buf[32];
  char* p = buf;
  uint64_t ms = static_cast<uint64_t>(time_ms);
  if (time_ms < 0) {
    *p++ = '-';
    ms = 0 - ms;
  }
  p = std::to_chars(p, buf + sizeof buf, ms / 1000).ptr;
  if (const unsigned rest = ms % 1000; rest != 0) {
    *p++ = '.';
    *p++ = static_cast<char>('0' + rest / 100);
    *p++ = static_cast<char>('0' + rest / 10 % 10);
    *p++ = static_cast<char>('0' + rest % 10);
  }
  out->append(buf, p);
}

void AppendSeconds(std::string* out, int64_t time_ms) {
  AppendTimestamp(out, time_ms);
  if (time_ms % 1000 == 0) return;
  while (out->back() == '0') out->pop_back();
}

std::optional<double> ParseFloat(std::string_view text, bool underscores) {
  std::string clean;
  if (text.find('_') != std::string_view::npos) {
    if (!underscores || !UnderscoresOk(text)) return std::nullopt;
    for (char c : text) {
      if (c != '_') clean += c;
    }
    text = clean;
  }
  bool negative = false;
  std::string_view s = text;
  if (!s.empty() && (s[0] == '+' || s[0] == '-')) {
    negative = s[0] == '-';
    s.remove_prefix(1);
  }
  if (s.empty()) return std::nullopt;
  std::optional<double> v;
  const char first = Lower(s[0]);
  if (first == 'i') {
    if (EqualsIgnoringCase(s, "inf") || EqualsIgnoringCase(s, "infinity")) v = INFINITY;
  } else if (first == 'n') {
    if (s.size() == text.size() && EqualsIgnoringCase(s, "nan")) return std::nan("");
  } else if (s.size() > 2 && s[0] == '0' && Lower(s[1]) == 'x') {
    // Go wants the exponent of a hex float to be there.
    if (s.find_first_of("pP") != std::string_view::npos && (IsHexDigit(s[2]) || s[2] == '.')) {
      v = Convert(s.data() + 2, s.data() + s.size(), std::chars_format::hex);
    }
  } else if ((first >= '0' && first <= '9') || first == '.') {
    v = Convert(s.data(), s.data() + s.size(), std::chars_format::general);
  }
  if (v && negative) v = -*v;
  return v;
}

}  // namespace model
