// What the head tells about itself: plain values, also handed on by storage/database.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/model/sample.h"

namespace storage {

struct ReplayProgress {  // For /api/v1/status/walreplay.
  uint32_t min = 0, max = 0, current = 0;
  bool done = false;
};

struct HeadInfo {  // For /api/v1/status/tsdb, with counts of the head only.
  uint64_t num_series = 0, num_label_pairs = 0, num_chunks = 0, num_samples = 0, bytes = 0;
  model::TimeRange range = model::TimeRange::None();
};

struct CardinalityEntry {
  std::string name;
  uint64_t value = 0;
};
struct Cardinality {  // The largest first, `limit` each; of the head.
  std::vector<CardinalityEntry> series_by_metric, values_by_label, bytes_by_label, series_by_pair;
};

}  // namespace storage
