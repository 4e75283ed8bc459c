// Numbers as people read them.
#pragma once

#include <string>

#include <absl/status/statusor.h>

#include "server/rules/template/value.h"

namespace server::text_template {

std::string Humanize(double v);            // 1234.5 as 1.234k
std::string Humanize1024(double v);        // 2048 as 2ki
std::string HumanizeDuration(double v);    // Seconds: 3661 as 1h 1m 1s
std::string HumanizePercentage(double v);  // 0.5 as 50%

// Seconds since the epoch, cut to milliseconds. kInvalidArgument when they are no time.
absl::StatusOr<Time> ToTime(double seconds);
absl::StatusOr<std::string> HumanizeTimestamp(double seconds);  // 2015-06-23 13:19:44.128 +0000 UTC

}  // namespace server::text_template
