// One line of a script: a series and its values, one per step.
//   requests_total{job="a"} 1+2x3 _ _x2 stale NaN -5 {{schema:1 buckets:[1 2]}}
// 1+2x3 is 1 3 5 7; 4x2 is 4 4 4; _ is no sample, _x2 is two of them. Histograms may repeat, grow and
// shrink as numbers do.
#pragma once

#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "promql/histogram/cell.h"
#include "storage/model/labels.h"

namespace promql_test {

struct SequenceValue {
  enum class Kind { kFloat, kOmitted, kHistogram };
  Kind kind = Kind::kFloat;
  double value = 0;                // kFloat
  promql::HistogramPtr histogram;  // kHistogram
  bool hint_set = false;           // kHistogram: its hint is to be compared.
};

struct SeriesDescription {
  model::Labels labels;
  std::vector<SequenceValue> values;
};

// kInvalidArgument names the part that is wrong.
absl::StatusOr<SeriesDescription> ParseSeriesDescription(std::string_view line);

}  // namespace promql_test
