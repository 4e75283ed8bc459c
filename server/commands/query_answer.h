// What a server's API answers, read back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "promql/value.h"
#include "storage/model/labels.h"

namespace server {

struct QueryAnswer {
  promql::Value value;                // Of query and query_range.
  std::vector<model::Labels> series;  // Of series.
  std::vector<std::string> names;     // Of labels.
  std::vector<std::string> warnings;  // Infos too.
  int histograms = 0;                 // Native ones, which are left out of `value`.
};

enum class AnswerKind { kValue, kSeries, kNames };

// kFailedPrecondition: the server answered with an error, "bad_data: ...". kUnavailable: what it
// answered is not what such a server would.
absl::StatusOr<QueryAnswer> ReadAnswer(std::string_view json, AnswerKind kind);

}  // namespace server
