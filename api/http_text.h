// Small texts of HTTP and of listening.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

namespace api {

struct HostPort {
  std::string host, port;
};

// "host:port", ":9090" (an empty host), "[::1]:9090".
absl::StatusOr<HostPort> SplitHostPort(std::string_view text);

// As the Date header has it: Fri, 07 Aug 2026 10:00:00 GMT
std::string HttpDate(std::time_t unix_seconds);

}  // namespace api
