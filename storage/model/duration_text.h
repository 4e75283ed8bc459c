// Durations as Prometheus writes them: 5m, 1h30m, 90d.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

namespace model {

// "0", or <integer><unit> in descending order of y w d h m s ms, each at most once.
// kInvalidArgument in Prometheus' words: not a valid duration string: "x"; empty duration string;
// duration out of range; unknown unit "x" in duration "3x".
absl::StatusOr<int64_t> ParseDurationMs(std::string_view text);

// y and w only when they divide exactly; "0s" for zero. Negative gets a leading '-'.
std::string FormatDurationMs(int64_t ms);

}  // namespace model
