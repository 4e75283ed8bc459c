// The samples of one series from several blocks as those of the merged block.
#pragma once

#include <span>
#include <vector>

#include <absl/status/status.h>

#include "storage/block/block_store.h"
#include "storage/chunk/histogram_columns.h"

namespace compaction {

// Unpacks and merges in time. Not thread-safe; reuses its memory from series to series.
class SeriesMerger {
 public:
  // Replaces *merged with what `sources` hold of their current series. Of two samples at the same
  // time, that of the later source stays; deleted ones are left out. kDataLoss when a chunk cannot
  // be read in full.
  absl::Status Merge(std::span<storage::BlockCursor* const> sources, chunk::MixedColumns* merged);

 private:
  chunk::MixedColumns source_;
};

// Replaces *merged with the exemplars of all sources, in order, each once.
void MergeExemplars(std::span<storage::BlockCursor* const> sources,
                    std::vector<model::Exemplar>* merged);

}  // namespace compaction
