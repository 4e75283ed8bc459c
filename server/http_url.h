// Addresses of the web, as far as a client needs them.
#pragma once

#include <string>
#include <string_view>

#include <absl/status/statusor.h>

namespace server {

struct HttpUrl {
  std::string scheme;     // http or https
  std::string user_info;  // user:password, percent-encoding resolved; or empty
  std::string host;       // Without the brackets of an IPv6 address.
  std::string port;       // Digits; the scheme's own when the address names none.
  std::string authority;  // Host and port as they were written: the Host header.
  std::string target;     // Path and query; at least "/".

  std::string ToString() const;  // Without the user.
};

// kInvalidArgument in Go's words: unsupported protocol scheme "ftp"; no Host in request URL; ...
absl::StatusOr<HttpUrl> ParseHttpUrl(std::string_view text);

// What `reference`, found in an answer from `base`, means: absolute, //host, /path, ?query, path.
absl::StatusOr<HttpUrl> ResolveHttpUrl(const HttpUrl& base, std::string_view reference);

// host:port, with brackets around an IPv6 address.
std::string JoinHostPort(std::string_view host, std::string_view port);

}  // namespace server
