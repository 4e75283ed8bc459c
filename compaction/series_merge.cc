#include "compaction/series_merge.h"

#include <algorithm>

#include "storage/base/status.h"
#include "storage/block/tombstones.h"
#include "storage/merge.h"

namespace compaction {

absl::Status SeriesMerger::Merge(std::span<storage::BlockCursor* const> sources,
                                 chunk::MixedColumns* merged, model::TimeRange range) {
  merged->clear();
  starts_.clear();
  const bool with_starts = std::any_of(sources.begin(), sources.end(),
                                       [](const auto* source) { return !source->starts().empty(); });
  merged_starts_.clear();
  for (storage::BlockCursor* source : sources) {
    if (source->chunks().empty() && merged->histograms.size() == 0 && !with_starts) {
      storage::MergeColumns(source->sealed(), &merged->floats);
      continue;
    }
    source_.clear();
    for (const chunk::ChunkView& chunk : source->chunks()) {
      const size_t before = source_.size();
      RETURN_IF_ERROR(chunk::Decode(chunk, range, &source_, chunk::FirstHint::kAsWritten));
      const bool whole = range.Contains(chunk.range.min) && range.Contains(chunk.range.max);
      if (whole && source_.size() - before != static_cast<size_t>(chunk.num_samples)) {
        return base::DataLoss("a chunk holds {} samples, not {}", source_.size() - before,
                              chunk.num_samples);
      }
    }
    storage::block::CutOut(source->deleted(), &source_);
    storage::MergeColumns(source->sealed(), &source_.floats);
    storage::MergeMixed(source_, merged);
    if (!with_starts) continue;
    source_starts_.clear();
    model::AppendStartsAt(source->starts(), storage::TimesOf(source_), &source_starts_);
    storage::MergeStarts(source_starts_, &merged_starts_);
  }
  starts_ = model::ToRuns(merged_starts_);
  return absl::OkStatus();
}

void MergeExemplars(std::span<storage::BlockCursor* const> sources,
                    std::vector<model::Exemplar>* merged) {
  merged->clear();
  for (const storage::BlockCursor* source : sources) {
    merged->insert(merged->end(), source->exemplars().begin(), source->exemplars().end());
  }
  SortUnique(merged);
}

}  // namespace compaction
