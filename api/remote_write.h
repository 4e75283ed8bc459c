// Remote write 1.0: from the decoded protobuf of a WriteRequest to an Appender.
//
//   WriteRequest  1 timeseries, 3 metadata
//   TimeSeries    1 labels, 2 samples, 3 exemplars, 4 histograms
//   Label         1 name, 2 value
//   Sample        1 value (double), 2 timestamp (ms)
//   Exemplar      1 labels, 2 value, 3 timestamp
//   Histogram     wire_histogram.h
//   Metadata      1 type, 2 family, 4 help, 5 unit
//
// The canonical bytes of a series are built in one buffer that is used again for the next, so a
// sample of a sender that sorts its labels (they all do) costs no allocation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

#include "storage/appender.h"

namespace api {

struct WriteCounts {
  uint64_t samples = 0;                // Accepted.
  uint64_t invalid_labels = 0;         // Skipped: no name, not UTF-8, a name twice.
  uint64_t limited = 0;                // Skipped: a new series, and new series are refused.
  uint64_t histograms = 0;             // Accepted.
  uint64_t exemplars = 0, exemplars_refused = 0;
  std::string first_invalid, first_limited;  // The labels of the first of each, as text.
};

// Appends everything in `message`. Samples later than `max_time` are out of bounds. Does not
// commit: the caller does so on kOk, and otherwise drops the Appender, which leaves no trace.
//   kInvalidArgument     not a WriteRequest, or a histogram that contradicts itself
//   kFailedPrecondition  a sample or histogram out of order, out of bounds, too old or a
//                        duplicate: the sender must not send it again
absl::Status AppendWriteRequest(std::string_view message, model::TimeMs max_time,
                                storage::Appender* appender, WriteCounts* counts);

}  // namespace api
