// Points in time as RFC 3339 text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/model/sample.h"

namespace api {

// "2026-08-07T10:00:00.123Z", "...+02:00". Cut to milliseconds.
std::optional<model::TimeMs> ParseRfc3339(std::string_view text);

// UTC, with as many decimals as are needed: "2026-08-07T10:00:00.5Z".
std::string FormatRfc3339Nano(int64_t unix_seconds, int nanoseconds);
std::string FormatRfc3339Ns(int64_t unix_ns);

inline constexpr std::string_view kGoZeroTime = "0001-01-01T00:00:00Z";

}  // namespace api
