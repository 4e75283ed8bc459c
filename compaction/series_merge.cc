#include "compaction/series_merge.h"

#include "storage/base/status.h"
#include "storage/block/tombstones.h"
#include "storage/merge.h"

namespace compaction {

absl::Status SeriesMerger::Merge(std::span<storage::BlockCursor* const> sources,
                                 chunk::SampleColumns* merged) {
  merged->clear();
  for (storage::BlockCursor* source : sources) {
    storage::MergeColumns(source->sealed(), merged);
    if (source->chunks().empty()) continue;
    source_.clear();
    for (const chunk::ChunkView& chunk : source->chunks()) {
      const size_t before = source_.size();
      RETURN_IF_ERROR(chunk::Decode(chunk, model::TimeRange(), &source_));
      if (source_.size() - before != static_cast<size_t>(chunk.num_samples)) {
        return base::DataLoss("a chunk holds {} samples, not {}", source_.size() - before,
                              chunk.num_samples);
      }
    }
    storage::block::CutOut(source->deleted(), 0, &source_);
    storage::MergeColumns(source_, merged);
  }
  return absl::OkStatus();
}

}  // namespace compaction
