#include "server/http_url.h"

#include <algorithm>

#include "storage/base/status.h"
#include "storage/model/labels.h"

namespace server {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string Unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexValue(text[i + 1]) >= 0 &&
        HexValue(text[i + 2]) >= 0) {
      out += static_cast<char>(HexValue(text[i + 1]) * 16 + HexValue(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string Quoted(std::string_view s) {
  std::string out;
  model::AppendQuoted(&out, s);
  return out;
}

bool IsPort(std::string_view s) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return s.size() <= 5 && std::all_of(s.begin(), s.end(), digit) &&
         (s.empty() || std::stoi(std::string(s)) <= 65535);
}

// Bytes that would break out of the request line.
bool IsClean(std::string_view s) {
  return std::all_of(s.begin(), s.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
  });
}

absl::Status SplitAuthority(std::string_view authority, HttpUrl* url) {
  const size_t at = authority.rfind('@');
  if (at != std::string_view::npos) {
    url->user_info = Unescaped(authority.substr(0, at));
    authority.remove_prefix(at + 1);
  }
  if (authority.empty()) return base::InvalidArgument("no Host in request URL");
  url->authority = authority;
  std::string_view port;
  if (authority.front() == '[') {
    const size_t close = authority.find(']');
    if (close == std::string_view::npos) {
      return base::InvalidArgument("parse {}: missing ']' in host", Quoted(authority));
    }
    url->host = authority.substr(1, close - 1);
    port = authority.substr(close + 1);
  } else {
    const size_t colon = std::min(authority.find(':'), authority.size());
    url->host = authority.substr(0, colon);
    port = authority.substr(colon);
  }
  if (!port.empty() && (port.front() != ':' || !IsPort(port.substr(1)))) {
    return base::InvalidArgument("parse {}: invalid port {} after host", Quoted(authority),
                                 Quoted(port));
  }
  if (url->host.empty()) return base::InvalidArgument("no Host in request URL");
  url->port = port.size() > 1 ? std::string(port.substr(1)) : url->scheme == "https" ? "443" : "80";
  return absl::OkStatus();
}

}  // namespace

std::string HttpUrl::ToString() const { return scheme + "://" + authority + target; }

std::string JoinHostPort(std::string_view host, std::string_view port) {
  const bool v6 = host.find(':') != std::string_view::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

absl::StatusOr<HttpUrl> ParseHttpUrl(std::string_view text) {
  HttpUrl url;
  const size_t colon = text.find("://");
  url.scheme = text.substr(0, colon == std::string_view::npos ? 0 : colon);
  std::transform(url.scheme.begin(), url.scheme.end(), url.scheme.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (url.scheme != "http" && url.scheme != "https") {
    return base::InvalidArgument("unsupported protocol scheme {}", Quoted(url.scheme));
  }
  text.remove_prefix(colon + 3);
  const size_t end = std::min(text.find_first_of("/?#"), text.size());
  if (!IsClean(text)) return base::InvalidArgument("invalid character in URL {}", Quoted(text));
  RETURN_IF_ERROR(SplitAuthority(text.substr(0, end), &url));
  std::string_view target = text.substr(end);
  target = target.substr(0, target.find('#'));
  if (target.empty() || target.front() != '/') url.target = "/";
  url.target += target;
  return url;
}

absl::StatusOr<HttpUrl> ResolveHttpUrl(const HttpUrl& base, std::string_view reference) {
  const size_t colon = reference.find("://");
  if (colon != std::string_view::npos && colon < reference.find_first_of("/?#")) {
    return ParseHttpUrl(reference);
  }
  if (reference.starts_with("//")) return ParseHttpUrl(base.scheme + ":" + std::string(reference));
  reference = reference.substr(0, reference.find('#'));
  if (!IsClean(reference)) {
    return base::InvalidArgument("invalid character in URL {}", Quoted(reference));
  }
  HttpUrl url = base;
  const std::string_view path = std::string_view(base.target).substr(0, base.target.find('?'));
  if (reference.starts_with('/')) {
    url.target = reference;
  } else if (reference.starts_with('?')) {
    url.target = std::string(path) + std::string(reference);
  } else if (!reference.empty()) {
    url.target = std::string(path.substr(0, path.rfind('/') + 1)) + std::string(reference);
  }
  return url;
}

}  // namespace server
