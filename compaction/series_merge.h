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
  // Replaces *merged with what `sources` hold of their current series in `range`, which is theirs. Of
  // two samples at the same time, that of the later source stays; deleted ones are left out.
  // kDataLoss when a chunk cannot be read in full.
  absl::Status Merge(std::span<storage::BlockCursor* const> sources, chunk::MixedColumns* merged,
                     model::TimeRange range = {});
  // Of the samples merged last; empty when no source has any.
  const model::StartRuns& starts() const { return starts_; }

 private:
  chunk::MixedColumns source_;
  model::StartColumns source_starts_, merged_starts_;
  model::StartRuns starts_;
};

// Replaces *merged with the exemplars of all sources, in order, each once.
void MergeExemplars(std::span<storage::BlockCursor* const> sources,
                    std::vector<model::Exemplar>* merged);

}  // namespace compaction
