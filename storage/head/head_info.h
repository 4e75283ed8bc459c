// What the head tells about itself: plain values, also handed on by storage/database.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/model/sample.h"

namespace storage {

struct ReplayProgress {  // For /api/v1/status/walreplay.
  uint32_t min = 0, max = 0, current = 0;   // Segments.
  bool done = false;
  uint64_t read_bytes = 0, total_bytes = 0;  // Of the segments and the checkpoint before them.
  double seconds = 0;                        // Since it began.

  int percent() const {
    if (done || total_bytes == 0) return done ? 100 : 0;
    return static_cast<int>(read_bytes * 100 / total_bytes);
  }
  // At the speed so far; 0 while that says nothing.
  double seconds_left() const {
    if (done || read_bytes == 0 || read_bytes >= total_bytes) return 0;
    return seconds * static_cast<double>(total_bytes - read_bytes) / static_cast<double>(read_bytes);
  }
};

struct HeadInfo {  // For /api/v1/status/tsdb, with counts of the head only.
  uint64_t num_series = 0, num_label_pairs = 0, num_chunks = 0, num_samples = 0, bytes = 0;
  uint64_t num_exemplars = 0, max_exemplars = 0;  // Those that no block has, and room for them.
  model::TimeRange range = model::TimeRange::None();
};

struct MetricInHead {  // What no block has of a metric.
  std::string name;
  uint64_t series = 0;  // Those with samples.
  uint64_t samples = 0, bytes = 0;  // Bytes: of chunks, and of late samples as they wait.
};

struct CardinalityEntry {
  std::string name;
  uint64_t value = 0;
};
struct Cardinality {  // The largest first, `limit` each; of the head.
  std::vector<CardinalityEntry> series_by_metric, values_by_label, bytes_by_label, series_by_pair;
};

}  // namespace storage
