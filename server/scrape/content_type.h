// Which parser a page needs, by the answer's Content-Type. spec 6.3.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "server/config/config.h"

namespace server {

enum class PageFormat : uint8_t { kText, kOpenMetrics };

// kInvalidArgument in Prometheus' words when the type is missing, malformed or unknown and there is
// no `fallback`; kUnimplemented for protobuf.
absl::StatusOr<PageFormat> ChooseFormat(std::string_view content_type,
                                        std::optional<ScrapeProtocol> fallback);

// The Accept header for these protocols; those not spoken (protobuf) are left out. Empty when
// nothing is left.
std::string AcceptHeader(const std::vector<ScrapeProtocol>& protocols, std::string_view escaping);

}  // namespace server
