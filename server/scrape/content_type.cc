#include "server/scrape/content_type.h"

#include <algorithm>
#include <set>

#include "server/scrape/exposition.h"
#include "storage/base/status.h"

namespace server {
namespace {

constexpr std::string_view kProtobuf = "application/vnd.google.protobuf";

bool IsTokenByte(char c) {
  return c > 0x20 && c < 0x7f && std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
}

std::string_view TakeToken(std::string_view* s) {
  size_t n = 0;
  while (n < s->size() && IsTokenByte((*s)[n])) ++n;
  const std::string_view token = s->substr(0, n);
  s->remove_prefix(n);
  return token;
}

void SkipSpace(std::string_view* s) {
  while (!s->empty() && (s->front() == ' ' || s->front() == '\t')) s->remove_prefix(1);
}

std::string Lower(std::string_view s) {
  std::string out(s);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// The value of a parameter: a token or a quoted string. Null: neither.
bool SkipValue(std::string_view* s) {
  if (s->empty() || s->front() != '"') return !TakeToken(s).empty();
  for (size_t i = 1; i < s->size(); ++i) {
    if ((*s)[i] == '\\') {
      ++i;
    } else if ((*s)[i] == '"') {
      s->remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

// As Go's mime.ParseMediaType, with its errors.
absl::StatusOr<std::string> MediaType(std::string_view text) {
  std::string_view rest = text.substr(std::min(text.find(';'), text.size()));
  std::string_view head = text.substr(0, text.size() - rest.size());
  SkipSpace(&head);
  while (head.ends_with(' ') || head.ends_with('\t')) head.remove_suffix(1);
  std::string media = Lower(head);
  if (TakeToken(&head).empty()) return base::InvalidArgument("mime: no media type");
  if (!head.empty()) {
    if (head.front() != '/') {
      return base::InvalidArgument("mime: expected slash after first token");
    }
    head.remove_prefix(1);
    if (TakeToken(&head).empty()) return base::InvalidArgument("mime: expected token after slash");
    if (!head.empty()) {
      return base::InvalidArgument("mime: unexpected content after media subtype");
    }
  }
  std::set<std::string> names;
  for (SkipSpace(&rest); !rest.empty(); SkipSpace(&rest)) {
    rest.remove_prefix(1);  // The semicolon.
    SkipSpace(&rest);
    if (rest.empty()) break;  // A semicolon at the end is let through.
    const std::string name = Lower(TakeToken(&rest));
    SkipSpace(&rest);
    if (name.empty() || rest.empty() || rest.front() != '=') {
      return base::InvalidArgument("mime: invalid media parameter");
    }
    rest.remove_prefix(1);
    SkipSpace(&rest);
    if (!SkipValue(&rest)) return base::InvalidArgument("mime: invalid media parameter");
    if (!names.insert(name).second) {
      return base::InvalidArgument("mime: duplicate parameter name");
    }
    SkipSpace(&rest);
    if (!rest.empty() && rest.front() != ';') {
      return base::InvalidArgument("mime: invalid media parameter");
    }
  }
  return media;
}

absl::Status NoProtobuf(std::string_view what) {
  return base::Unimplemented(
      "{}: the protobuf format is not supported yet; offer a text format in scrape_protocols", what);
}

absl::StatusOr<PageFormat> FormatOf(ScrapeProtocol protocol) {
  switch (protocol) {
    case ScrapeProtocol::kPrometheusProto:
      return NoProtobuf("fallback_scrape_protocol PrometheusProto");
    case ScrapeProtocol::kOpenMetricsText001:
    case ScrapeProtocol::kOpenMetricsText100:
      return PageFormat::kOpenMetrics;
    case ScrapeProtocol::kPrometheusText004:
    case ScrapeProtocol::kPrometheusText100:
      break;
  }
  return PageFormat::kText;
}

}  // namespace

absl::StatusOr<PageFormat> ChooseFormat(std::string_view content_type,
                                        std::optional<ScrapeProtocol> fallback) {
  if (content_type.empty()) {
    if (fallback) return FormatOf(*fallback);
    return base::InvalidArgument(
        "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol "
        "specified for target");
  }
  const absl::StatusOr<std::string> media = MediaType(content_type);
  if (!media.ok()) {
    if (fallback) return FormatOf(*fallback);
    return base::InvalidArgument(
        "cannot parse Content-Type {} and no fallback_scrape_protocol for target\n{}",
        Quoted(content_type), base::message(media.status()));
  }
  if (*media == "text/plain") return PageFormat::kText;
  if (*media == "application/openmetrics-text") return PageFormat::kOpenMetrics;
  if (*media == kProtobuf) return NoProtobuf("received Content-Type " + Quoted(content_type));
  if (fallback) return FormatOf(*fallback);
  return base::InvalidArgument(
      "received unsupported Content-Type {} and no fallback_scrape_protocol specified for target",
      Quoted(content_type));
}

std::string AcceptHeader(const std::vector<ScrapeProtocol>& protocols, std::string_view escaping) {
  std::string header;
  int weight = 6;
  for (const ScrapeProtocol protocol : protocols) {
    std::string media;
    switch (protocol) {
      case ScrapeProtocol::kPrometheusProto:
        continue;
      case ScrapeProtocol::kPrometheusText004:
        media = "text/plain;version=0.0.4";
        break;
      case ScrapeProtocol::kPrometheusText100:
        media = fmt::format("text/plain;version=1.0.0;escaping={}", escaping);
        break;
      case ScrapeProtocol::kOpenMetricsText001:
        media = "application/openmetrics-text;version=0.0.1";
        break;
      case ScrapeProtocol::kOpenMetricsText100:
        media = fmt::format("application/openmetrics-text;version=1.0.0;escaping={}", escaping);
        break;
    }
    header += fmt::format("{};q=0.{},", media, weight--);
  }
  if (header.empty()) return header;
  return header + fmt::format("*/*;q=0.{}", weight);
}

}  // namespace server
