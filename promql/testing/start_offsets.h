// A line of a script that says when the samples of the series on the next line began to count, as
// offsets from their times:
//   requests_total{job="a"}@st _ -30s -1mx2 0s+1msx3
// -1mx2 is -1m three times; 0s+1msx3 is 0s 1ms 2ms 3ms; _ is none, _x2 is two of them.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "storage/model/labels.h"

namespace promql_test {

using StartOffsets = std::vector<std::optional<int64_t>>;  // Milliseconds.

struct StartsDescription {
  model::Labels labels;
  StartOffsets offsets;
};

bool IsStartsDescription(std::string_view line);
// kInvalidArgument names the part that is wrong.
absl::StatusOr<StartsDescription> ParseStartsDescription(std::string_view line);

}  // namespace promql_test
