#include "api/http_text.h"

#include "storage/base/status.h"

namespace api {

absl::StatusOr<HostPort> SplitHostPort(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return base::InvalidArgument("listen address {}: missing port in address", text);
  }
  std::string_view host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return base::InvalidArgument("listen address {}: too many colons in address", text);
  }
  return HostPort{std::string(host), std::string(text.substr(colon + 1))};
}

std::string HttpDate(std::time_t unix_seconds) {
  std::tm tm;
  gmtime_r(&unix_seconds, &tm);
  char buf[40];
  return {buf, std::strftime(buf, sizeof buf, "%a, %d %b %Y %H:%M:%S GMT", &tm)};
}

}  // namespace api
