// What a server's API answers, read back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "promql/value.h"
#include "storage/model/labels.h"

namespace server {

// As the API tells of a native histogram: those of its buckets that are not empty, ascending.
struct AnswerBucket {
  int ends = 0;  // Which belong to it: 0 the upper, 1 the lower, 2 none, 3 both.
  double lower = 0, upper = 0, count = 0;
};
struct AnswerHistogram {
  model::TimeMs t = 0;
  double count = 0, sum = 0;
  std::vector<AnswerBucket> buckets;
};

struct AnswerSeries {
  model::Labels labels;
  std::vector<model::Sample> points;        // By time; of a vector one of either kind.
  std::vector<AnswerHistogram> histograms;  // Likewise.
};

struct AnswerValue {
  promql::ValueType type = promql::ValueType::kNone;
  model::Sample scalar;
  std::string text;
  model::TimeMs text_time = 0;
  std::vector<AnswerSeries> series;  // Of a vector or matrix; none without any point.
};

struct QueryAnswer {
  AnswerValue value;                  // Of query and query_range.
  std::vector<model::Labels> series;  // Of series.
  std::vector<std::string> names;     // Of labels.
  std::vector<std::string> warnings;  // Infos too.
};

enum class AnswerKind { kValue, kSeries, kNames };

// kFailedPrecondition: the server answered with an error, "bad_data: ...". kUnavailable: what it
// answered is not what such a server would.
absl::StatusOr<QueryAnswer> ReadAnswer(std::string_view json, AnswerKind kind);

}  // namespace server
