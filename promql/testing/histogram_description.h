// Native histograms as scripts write them.
//   {{schema:1 count:5 sum:18.4 z_bucket:1 z_bucket_w:0.001 buckets:[1 0 2] offset:-3 n_buckets:[1]}}
// custom_values, n_offset and counter_reset_hint are there too; what is not said is 0.
#pragma once

#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "storage/model/histogram.h"

namespace promql_test {

struct HistogramDescription {
  model::FloatHistogram histogram;
  bool hint_set = false;  // The hint is said, and then it is compared too.
};

// `text` is what stands between {{ and }}.
absl::StatusOr<HistogramDescription> ParseHistogramDescription(std::string_view text);

// The notation of a histogram, as far as its spans are written in one.
std::string Describe(const model::FloatHistogram& h);

// Whether they are the same but for rounding, empty buckets and, unless `compare_hints`, the hint.
bool AlmostEqual(model::FloatHistogram a, model::FloatHistogram b, bool compare_hints);

}  // namespace promql_test
