// Remote write 2.0: from the decoded protobuf of a Request to an Appender.
//
//   Request     4 symbols, 5 timeseries
//   TimeSeries  1 label refs, 2 samples, 3 histograms, 4 exemplars, 5 metadata
//   Sample      1 value (double), 2 timestamp (ms), 3 start timestamp (ms)
//   Exemplar    1 label refs, 2 value, 3 timestamp
//   Histogram   wire_histogram.h
//   Metadata    1 type, 3 help ref, 4 unit ref
//
// Other than in 1.0 what can be written is, and the answer says how much that was.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <absl/status/status.h>

#include "storage/appender.h"

namespace api {

struct WriteV2Counts {
  uint64_t samples = 0, histograms = 0, exemplars = 0;  // Accepted.
  uint64_t invalid_labels = 0;  // Samples refused for their labels.
  uint64_t refusals = 0;
  std::string text;  // Why, a line each; of very many the first ones.
};

struct WriteV2Options {
  model::TimeMs max_time = 0;         // Samples later than this are out of bounds.
  bool type_and_unit_labels = false;  // Type and unit become labels: __type__, __unit__.
};

// Appends what can be of `message`. Does not
// commit: the caller does so, and answers 400 with the text when there were refusals.
// kInvalidArgument: not a Request; the Appender is to be dropped.
absl::Status AppendWriteV2Request(std::string_view message, const WriteV2Options& options,
                                  storage::Appender* appender, WriteV2Counts* counts);

}  // namespace api
