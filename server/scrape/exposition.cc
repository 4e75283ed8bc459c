#include "server/scrape/exposition.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "storage/model/number_text.h"
#include "storage/model/sample.h"

namespace server {
namespace {

constexpr double kPowersOfTen[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

bool EndsNumber(char c) { return c == ' ' || c == '\n' || c == '\t'; }

// Whether the text is a decimal number by its shape: then what failed was its range.
bool LooksDecimal(std::string_view s) {
  size_t i = 0, digits = 0;
  if (i < s.size() && (s[i] == '+' || s[i] == '-')) ++i;
  const auto take_digits = [&] {
    while (i < s.size() && s[i] >= '0' && s[i] <= '9') ++i, ++digits;
  };
  take_digits();
  if (i < s.size() && s[i] == '.') {
    ++i;
    take_digits();
  }
  if (digits == 0) return false;
  if (i < s.size() && (s[i] == 'e' || s[i] == 'E')) {
    ++i;
    if (i < s.size() && (s[i] == '+' || s[i] == '-')) ++i;
    digits = 0;
    take_digits();
    if (digits == 0) return false;
  }
  return i == s.size();
}

void SkipSpace(std::string_view text, size_t* i) {
  while (*i < text.size() && (text[*i] == ' ' || text[*i] == '\t')) ++*i;
}

// The inside of the quoted string that starts at *i; *i moves past it.
std::string_view TakeQuoted(std::string_view text, size_t* i) {
  const size_t begin = ++*i;
  while (*i < text.size() && text[*i] != '"') *i += text[*i] == '\\' ? 2 : 1;
  const size_t end = std::min(*i, text.size());
  *i = end + 1;
  return text.substr(begin, end - begin);
}

std::string_view TakeName(std::string_view text, size_t* i) {
  const size_t begin = *i;
  while (*i < text.size() && Is(text[*i], kNameByte)) ++*i;
  return text.substr(begin, *i - begin);
}

void AssignUnescaped(std::string* out, std::string_view text) {
  if (std::memchr(text.data(), '\\', text.size()) == nullptr) {
    out->assign(text);
  } else {
    *out = Unescape(text, /*quotes=*/true);
  }
}

}  // namespace

std::string_view ToString(Token token) {
  constexpr std::string_view kNames[] = {
      "INVALID", "EOF",    "LINEBREAK", "WHITESPACE", "HELP",   "TYPE",   "UNIT",
      "EOFWORD", "TEXT",   "COMMENT",   "MNAME",      "QSTRING", "BOPEN", "BCLOSE",
      "LNAME",   "LVALUE", "COMMA",     "EQUAL",      "TIMESTAMP", "VALUE"};
  return kNames[static_cast<size_t>(token)];
}

std::string Quoted(std::string_view s) {
  std::string out;
  model::AppendQuoted(&out, s);
  return out;
}

const char* ScanNumber(const char* p, const char* end, double* value) {
  const char* const begin = p;
  const bool negative = *p == '-';
  p += negative;
  // Digits with one point among them, as long as they fit: an integer below 2^53 divided by an
  // exact power of ten is rounded once, so it is the number itself.
  const char* const digits = p;
  uint64_t mantissa = 0;
  while (p < end && *p >= '0' && *p <= '9') mantissa = mantissa * 10 + static_cast<uint8_t>(*p++ - '0');
  ptrdiff_t count = p - digits;
  int fraction = 0;
  if (p < end && *p == '.') {
    const char* const point = p++;
    while (p < end && *p >= '0' && *p <= '9') mantissa = mantissa * 10 + static_cast<uint8_t>(*p++ - '0');
    fraction = static_cast<int>(std::min<ptrdiff_t>(p - point - 1, 100));
    count += p - point - 1;
  }
  if (p < end && EndsNumber(*p) && count > 0 && count <= 15) {
    const double v = static_cast<double>(mantissa) / kPowersOfTen[fraction];
    *value = negative ? -v : v;
    return p;
  }
  if (count == 0) return nullptr;  // inf, nan, +, garbage.
  while (p < end && !EndsNumber(*p)) ++p;
  const auto [rest, error] = std::from_chars(begin, p, *value);
  return rest == p && error == std::errc() ? p : nullptr;
}

std::optional<double> ParseValue(std::string_view text, std::string* error) {
  if (text.find_first_of("pP_") != std::string_view::npos) {
    *error = "unsupported character in float";
    return std::nullopt;
  }
  const std::optional<double> v = model::ParseFloat(text);
  if (!v) {
    *error = "strconv.ParseFloat: parsing " + Quoted(text) +
             (LooksDecimal(text) ? ": value out of range" : ": invalid syntax");
    return std::nullopt;
  }
  return std::isnan(*v) ? model::NormalNan() : *v;
}

void ParseSeriesText(std::string_view series, model::MetricType type, ExposedLabels* out) {
  size_t used = 0;
  const auto slot = [&]() -> model::Labels::Pair& {
    if (used == out->size()) out->emplace_back();
    return (*out)[used++];
  };
  model::Labels::Pair& metric = slot();
  metric.first.assign(model::kMetricName);
  metric.second.clear();

  size_t i = 0;
  SkipSpace(series, &i);
  if (i < series.size() && series[i] != '{') {
    TakeName(series, &i);
    metric.second.assign(series.substr(0, i));  // Space before the name belongs to it, as there.
    SkipSpace(series, &i);
  }
  if (i < series.size() && series[i] == '{') ++i;
  while (i < series.size() && series[i] != '}') {
    const char c = series[i];
    if (c == ' ' || c == '\t' || c == ',') {
      ++i;
      continue;
    }
    const bool quoted = c == '"';
    const std::string_view name = quoted ? TakeQuoted(series, &i) : TakeName(series, &i);
    if (!quoted && name.empty()) break;  // Cannot happen in accepted text; never loop on it.
    SkipSpace(series, &i);
    if (i >= series.size() || series[i] != '=') {
      AssignUnescaped(&(*out)[0].second, name);
      continue;
    }
    ++i;
    SkipSpace(series, &i);
    if (i >= series.size() || series[i] != '"') break;
    const std::string_view value = TakeQuoted(series, &i);
    model::Labels::Pair& label = slot();
    AssignUnescaped(&label.first, name);
    AssignUnescaped(&label.second, value);
    if ((type == model::MetricType::kHistogram && label.first == "le") ||
        (type == model::MetricType::kSummary && label.first == "quantile")) {
      label.second = NormalizeFloatLabel(label.second);
    }
  }
  out->resize(used);
}

std::string NormalizeFloatLabel(std::string_view value) {
  const std::optional<double> v = model::ParseFloat(value, /*underscores=*/true);
  if (!v) return std::string(value);
  std::string text = model::FormatFloat(*v, 'g');
  if (std::isfinite(*v) && text.find_first_of("e.") == std::string::npos) text += ".0";
  return text;
}

std::string Unescape(std::string_view text, bool quotes) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      const char next = text[i + 1];
      if (next == '\\' || next == 'n' || (quotes && next == '"')) {
        out += next == 'n' ? '\n' : next;
        ++i;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

}  // namespace server
