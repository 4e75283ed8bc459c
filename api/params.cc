#include "api/params.h"

#include <charconv>
#include <cmath>

#include "api/time_text.h"
#include "promql/parser.h"
#include "storage/base/status.h"
#include "storage/model/duration_text.h"
#include "storage/model/labels.h"
#include "storage/model/number_text.h"

namespace api {
namespace {

constexpr size_t kMaxFormBytes = 10 << 20;  // As Go's ParseForm.
constexpr size_t kMaxPairs = 100'000;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string_view Trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

std::string Lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

// The value of `name="value"` or name=value among the `;` parts of a header.
std::optional<std::string_view> HeaderParam(std::string_view header, std::string_view name) {
  for (size_t at = header.find(';'); at != std::string_view::npos;) {
    header.remove_prefix(at + 1);
    // A quoted value may hold ';'.
    size_t end = 0;
    for (bool quoted = false; end < header.size() && (quoted || header[end] != ';'); ++end) {
      if (header[end] == '"') quoted = !quoted;
    }
    const std::string_view part = Trim(header.substr(0, end));
    if (const size_t eq = part.find('='); eq != std::string_view::npos) {
      std::string_view value = Trim(part.substr(eq + 1));
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
        value = value.substr(1, value.size() - 2);
      }
      if (Lower(Trim(part.substr(0, eq))) == name) return value;
    }
    at = end < header.size() ? end : std::string_view::npos;
  }
  return std::nullopt;
}

// curl -F query=up. Parts that are files are left out, as FormValue does.
absl::Status ParseMultipart(std::string_view body, std::string_view boundary, Pairs* out) {
  const auto malformed = [] { return base::InvalidArgument("multipart: malformed form body"); };
  if (boundary.empty()) return malformed();
  const std::string line = fmt::format("--{}", boundary);
  const std::string delimiter = fmt::format("\r\n{}", line);
  if (!body.starts_with(line)) return malformed();
  body.remove_prefix(line.size());
  while (!body.starts_with("--")) {
    if (!body.starts_with("\r\n")) return malformed();
    body.remove_prefix(2);
    const size_t head_end = body.find("\r\n\r\n");
    if (head_end == std::string_view::npos) return malformed();
    std::string_view head = body.substr(0, head_end);
    body.remove_prefix(head_end + 4);
    const size_t end = body.find(delimiter);
    if (end == std::string_view::npos) return malformed();
    std::optional<std::string_view> name;
    bool is_file = false;
    while (!head.empty()) {
      const size_t eol = std::min(head.find("\r\n"), head.size());
      const std::string_view header = head.substr(0, eol);
      head.remove_prefix(std::min(eol + 2, head.size()));
      if (!Lower(header.substr(0, 20)).starts_with("content-disposition:")) continue;
      name = HeaderParam(header, "name");
      is_file = HeaderParam(header, "filename").has_value();
    }
    if (name && !is_file && out->size() < kMaxPairs) out->emplace_back(*name, body.substr(0, end));
    body.remove_prefix(end + delimiter.size());
  }
  return absl::OkStatus();
}

}  // namespace

std::string PercentDecode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
               HexDigit(text[i + 2]) >= 0) {
      out += static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

void ParseQueryString(std::string_view text, Pairs* out) {
  while (!text.empty() && out->size() < kMaxPairs) {
    const size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    const size_t eq = pair.find('=');
    out->emplace_back(
        PercentDecode(pair.substr(0, eq), true),
        eq == std::string_view::npos ? "" : PercentDecode(pair.substr(eq + 1), true));
  }
}

absl::Status SetTarget(std::string_view target, Request* request) {
  if (const size_t fragment = target.find('#'); fragment != std::string_view::npos) {
    target = target.substr(0, fragment);
  }
  const size_t question = target.find('?');
  std::string_view path = target.substr(0, question);
  if (!path.starts_with('/') && path != "*") {  // http://host/path, as proxies get it.
    const size_t scheme = path.find("://");
    if (scheme == std::string_view::npos) return base::InvalidArgument("malformed request target");
    path.remove_prefix(scheme + 3);
    const size_t slash = path.find('/');
    path = slash == std::string_view::npos ? "/" : path.substr(slash);
  }
  request->path = PercentDecode(path, false);
  request->url_params.clear();
  if (question != std::string_view::npos) {
    ParseQueryString(target.substr(question + 1), &request->url_params);
  }
  request->params = request->url_params;
  return absl::OkStatus();
}

absl::Status AddFormParams(Request* request) {
  if (request->method != Method::kPost && request->method != Method::kPut) return absl::OkStatus();
  const std::string_view content_type = request->Header("content-type");
  const std::string type = Lower(Trim(content_type.substr(0, content_type.find(';'))));
  const bool multipart = type == "multipart/form-data";
  if (!multipart && type != "application/x-www-form-urlencoded") return absl::OkStatus();
  if (request->body.size() > kMaxFormBytes) return base::InvalidArgument("http: POST too large");
  Pairs pairs;
  if (multipart) {
    RETURN_IF_ERROR(ParseMultipart(request->body,
                                   HeaderParam(content_type, "boundary").value_or(""), &pairs));
  } else {
    ParseQueryString(request->body, &pairs);
  }
  // As in Go: what a urlencoded body says comes first, and what a multipart one says last.
  pairs.insert(multipart ? pairs.begin() : pairs.end(), request->url_params.begin(),
               request->url_params.end());
  request->params = std::move(pairs);
  return absl::OkStatus();
}

std::string Quoted(std::string_view s) {
  std::string out;
  model::AppendQuoted(&out, s);
  return out;
}

absl::StatusOr<model::TimeMs> ParseTime(std::string_view text) {
  const auto v = model::ParseFloat(text, /*underscores=*/true);
  if (v && std::isfinite(*v)) {
    // Go's own steps, so that the millisecond is the same one.
    double whole;
    const double fraction = std::round(std::modf(*v, &whole) * 1000) / 1000;
    if (whole <= static_cast<double>(kMinTime / 1000)) return kMinTime;
    if (whole >= static_cast<double>(kMaxTime / 1000)) return kMaxTime;
    int64_t seconds = static_cast<int64_t>(whole);
    int64_t ns = static_cast<int64_t>(fraction * 1e9);
    if (ns < 0) ns += 1'000'000'000, --seconds;
    return seconds * 1000 + ns / 1'000'000;
  }
  if (const auto t = ParseRfc3339(text)) return *t;
  // Their own extremes, which older clients print and four-digit years cannot hold.
  static const std::string* const kMinText =
      new std::string(FormatRfc3339Nano(kMinTime / 1000, 0));
  static const std::string* const kMaxText =
      new std::string(FormatRfc3339Nano(kMaxTime / 1000, 999999999));
  if (text == *kMinText) return kMinTime;
  if (text == *kMaxText) return kMaxTime;
  return base::InvalidArgument("cannot parse {} to a valid timestamp", Quoted(text));
}

absl::StatusOr<int64_t> ParseDurationNs(std::string_view text) {
  if (const auto v = model::ParseFloat(text, /*underscores=*/true); v && !std::isnan(*v)) {
    const double ns = *v * 1e9;
    if (ns >= 9223372036854775808.0 || ns < -9223372036854775808.0) {
      return base::InvalidArgument("cannot parse {} to a valid duration. It overflows int64",
                                   Quoted(text));
    }
    return static_cast<int64_t>(ns);
  }
  const auto ms = model::ParseDurationMs(text);
  if (!ms.ok() || *ms > INT64_MAX / 1'000'000 || *ms < INT64_MIN / 1'000'000) {
    return base::InvalidArgument("cannot parse {} to a valid duration", Quoted(text));
  }
  return *ms * 1'000'000;
}

absl::StatusOr<int64_t> ParseInt(std::string_view text) {
  std::string_view digits = text;
  if (digits.size() > 1 && digits[0] == '+') digits.remove_prefix(1);
  int64_t v = 0;
  const char* end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, v);
  if (rest != end || digits.empty() || (digits[0] == '-' && text[0] == '+') ||
      error == std::errc::invalid_argument) {
    return base::InvalidArgument("strconv.Atoi: parsing {}: invalid syntax", Quoted(text));
  }
  if (error != std::errc()) {
    return base::InvalidArgument("strconv.Atoi: parsing {}: value out of range", Quoted(text));
  }
  return v;
}

absl::Status InvalidParam(std::string_view name, std::string_view reason) {
  return base::InvalidArgument("invalid parameter {}: {}", Quoted(name), reason);
}
absl::Status InvalidParam(std::string_view name, const absl::Status& reason) {
  return InvalidParam(name, base::message(reason));
}

absl::StatusOr<model::TimeMs> TimeParam(const Request& request, std::string_view name,
                                        model::TimeMs default_value) {
  const std::string_view text = request.Param(name);
  if (text.empty()) return default_value;
  auto t = ParseTime(text);
  if (t.ok()) return t;
  return InvalidParam(
      name, fmt::format("invalid time value for '{}': {}", name, base::message(t.status())));
}

absl::StatusOr<int64_t> LimitParam(const Request& request) {
  const std::string_view text = request.Param("limit");
  if (text.empty()) return 0;
  const auto limit = ParseInt(text);
  if (!limit.ok()) return InvalidParam("limit", limit.status());
  if (*limit < 0) return InvalidParam("limit", "limit must be non-negative");
  return limit;
}

// What Go's strconv.ParseBool takes.
absl::StatusOr<bool> BoolParam(const Request& request, std::string_view name) {
  constexpr std::string_view kTrue[] = {"1", "t", "T", "TRUE", "true", "True"};
  constexpr std::string_view kFalse[] = {"", "0", "f", "F", "FALSE", "false", "False"};
  const std::string_view text = request.Param(name);
  if (std::find(std::begin(kFalse), std::end(kFalse), text) != std::end(kFalse)) return false;
  if (std::find(std::begin(kTrue), std::end(kTrue), text) != std::end(kTrue)) return true;
  return InvalidParam(name, fmt::format("unable to parse boolean: strconv.ParseBool: parsing {}: "
                                        "invalid syntax",
                                        Quoted(text)));
}

std::string_view UrlParam(const Request& request, std::string_view name) {
  for (const auto& [key, value] : request.url_params) {
    if (key == name) return value;
  }
  return {};
}

std::string LowerUrlParam(const Request& request, std::string_view name) {
  return Lower(UrlParam(request, name));
}

absl::StatusOr<model::TimeRange> RangeParams(const Request& request) {
  model::TimeRange range;
  ASSIGN_OR_RETURN(range.min, TimeParam(request, "start", kMinTime));
  ASSIGN_OR_RETURN(range.max, TimeParam(request, "end", kMaxTime));
  return range;
}

absl::StatusOr<std::vector<std::vector<model::Matcher>>> MatcherSets(const Request& request) {
  std::vector<std::vector<model::Matcher>> sets;
  for (const std::string_view text : request.ParamList("match[]")) {
    ASSIGN_OR_RETURN(auto set, promql::ParseMetricSelector(text));
    sets.push_back(std::move(set));
  }
  for (const auto& set : sets) {
    bool selective = false;
    for (const model::Matcher& matcher : set) selective |= !matcher.matches_empty();
    if (!selective) {
      return base::InvalidArgument("match[] must contain at least one non-empty matcher");
    }
  }
  return sets;
}

namespace {

void AppendRune(std::string* out, uint32_t rune) {
  if (rune < 0x80) {
    *out += static_cast<char>(rune);
  } else if (rune < 0x800) {
    *out += static_cast<char>(0xc0 | rune >> 6);
    *out += static_cast<char>(0x80 | (rune & 0x3f));
  } else if (rune < 0x10000) {
    *out += static_cast<char>(0xe0 | rune >> 12);
    *out += static_cast<char>(0x80 | (rune >> 6 & 0x3f));
    *out += static_cast<char>(0x80 | (rune & 0x3f));
  } else {
    *out += static_cast<char>(0xf0 | rune >> 18);
    *out += static_cast<char>(0x80 | (rune >> 12 & 0x3f));
    *out += static_cast<char>(0x80 | (rune >> 6 & 0x3f));
    *out += static_cast<char>(0x80 | (rune & 0x3f));
  }
}

}  // namespace

std::string UnescapeLabelName(std::string_view name) {
  const std::string original(name);
  if (!name.starts_with("U__")) return original;
  name.remove_prefix(3);
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '_') {
      out += name[i];
      continue;
    }
    if (++i >= name.size()) return original;
    if (name[i] == '_') {
      out += '_';
      continue;
    }
    uint32_t rune = 0;
    int digits = 0;
    for (; i < name.size() && name[i] != '_'; ++i, ++digits) {
      const int d = HexDigit(name[i]);
      if (d < 0 || digits == 6) return original;
      rune = rune * 16 + static_cast<uint32_t>(d);
    }
    if (i >= name.size() || rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000)) return original;
    AppendRune(&out, rune);
  }
  return out;
}

}  // namespace api
