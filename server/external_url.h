// Under which URL the server is known outside, and the prefix of its routes. spec 4.1.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

namespace server {

struct ExternalUrl {
  std::string url;           // "http://host:9090", without a slash at the end of its path.
  std::string route_prefix;  // "/" or "/path".
};

// `external` as given, or "": http://<hostname>:<port of listen_address>/. `prefix` as given, or
// "": the path of the URL. kInvalidArgument says what is wrong with the URL.
absl::StatusOr<ExternalUrl> MakeExternalUrl(std::string_view external, std::string_view prefix,
                                            std::string_view listen_address,
                                            std::string_view hostname);

}  // namespace server
