#include "compaction/compactor.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "compaction/series_merge.h"
#include "storage/base/status.h"
#include "storage/model/time_windows.h"

namespace compaction {
namespace {

// The cursors that still have series, as a heap: least labels in front, then the earlier block.
class Inputs {
 public:
  struct Input {
    std::unique_ptr<storage::BlockCursor> cursor;
    uint32_t order;
  };

  absl::Status Open(const Plan& plan, storage::BlockStore* blocks, model::TimeRange range) {
    for (const std::string& ulid : plan.blocks) {
      Input input;
      ASSIGN_OR_RETURN(input.cursor, blocks->NewCursor(ulid, range));
      input.order = next_order_++;
      RETURN_IF_ERROR(Advance(std::move(input)));
    }
    return absl::OkStatus();
  }

  bool empty() const { return heap_.empty(); }
  model::LabelsView labels() const { return heap_.front().cursor->labels(); }

  Input Pop() {
    std::pop_heap(heap_.begin(), heap_.end(), Behind);
    Input input = std::move(heap_.back());
    heap_.pop_back();
    return input;
  }

  // To its next series, and back into the heap.
  absl::Status Advance(Input input) {
    ASSIGN_OR_RETURN(const bool more, input.cursor->Next());
    if (more) {
      heap_.push_back(std::move(input));
      std::push_heap(heap_.begin(), heap_.end(), Behind);
    } else {
      damaged_chunks_ += input.cursor->damaged_chunks();
    }
    return absl::OkStatus();
  }

  uint64_t damaged_chunks() const { return damaged_chunks_; }  // Of inputs at their end.

 private:
  static bool Behind(const Input& a, const Input& b) {
    const model::LabelsView left = a.cursor->labels(), right = b.cursor->labels();
    if (left == right) return a.order > b.order;
    return right < left;
  }

  std::vector<Input> heap_;
  uint32_t next_order_ = 0;
  uint64_t damaged_chunks_ = 0;
};

absl::Status Write(model::LabelsView labels, const chunk::MixedColumns& samples,
                   storage::BlockWriter* writer) {
  if (samples.histograms.size() == 0) return writer->AddSamples(labels, samples.floats);
  const std::vector<chunk::OwnedChunk> chunks = chunk::Encode(samples.histograms);
  std::vector<chunk::ChunkView> views;
  for (const chunk::OwnedChunk& chunk : chunks) views.push_back(chunk.view());
  return writer->AddMixed(labels, samples.floats, views);
}

// What the inputs have in `range`, to the block that `writer` is at. The chunks of it that are damaged.
absl::StatusOr<uint64_t> WriteRange(const Plan& plan, model::TimeRange range,
                                    storage::BlockStore* blocks,
                                    const std::function<bool()>& keep_going,
                                    const std::function<bool(model::LabelsView)>& keep,
                                    storage::BlockWriter* writer) {
  Inputs inputs;
  RETURN_IF_ERROR(inputs.Open(plan, blocks, range));
  SeriesMerger merger;
  std::vector<Inputs::Input> same;
  std::vector<storage::BlockCursor*> sources;
  chunk::MixedColumns merged;
  std::vector<model::Exemplar> exemplars;
  while (!inputs.empty()) {
    if (!keep_going()) return base::Cancelled("merging was stopped");
    same.clear();
    sources.clear();
    do {
      same.push_back(inputs.Pop());
      sources.push_back(same.back().cursor.get());
    } while (!inputs.empty() && inputs.labels() == same.front().cursor->labels());

    const model::LabelsView labels = same.front().cursor->labels();
    if (keep == nullptr || keep(labels)) {
      const absl::Status status = merger.Merge(sources, &merged, range);
      if (!status.ok()) return base::Annotate(status, labels.ToString());
      RETURN_IF_ERROR(Write(labels, merged, writer));
      RETURN_IF_ERROR(writer->AddStarts(labels, merger.starts()));
      MergeExemplars(sources, &exemplars);
      RETURN_IF_ERROR(writer->AddExemplars(labels, exemplars));
    }
    for (Inputs::Input& input : same) RETURN_IF_ERROR(inputs.Advance(std::move(input)));
  }
  return inputs.damaged_chunks();
}

}  // namespace

absl::StatusOr<std::vector<storage::BlockMeta>> Merge(
    const Plan& plan, storage::BlockStore* blocks, const std::function<bool()>& keep_going,
    const std::function<bool(model::LabelsView)>& keep) {
  uint64_t damaged = 0;
  model::TimeRange all = model::TimeRange::None();
  for (const storage::BlockMeta& meta : blocks->Metas()) {
    const bool input = std::find(plan.blocks.begin(), plan.blocks.end(), meta.ulid) !=
                       plan.blocks.end();
    if (!input) continue;
    damaged += meta.damaged_chunks;
    all.Extend(meta.range);
  }
  const std::vector<model::TimeRange> days = model::CutByDay(all);
  storage::BlockMeta like;
  like.level = days.size() > 1 ? std::min(plan.level, 1) : plan.level;
  like.parents = plan.blocks;
  ASSIGN_OR_RETURN(std::unique_ptr<storage::BlockWriter> writer, blocks->NewBlock(like));
  uint64_t damaged_now = 0;
  for (const model::TimeRange& day : days) {
    RETURN_IF_ERROR(writer->Begin({std::max(day.min, all.min), std::min(day.max, all.max)}));
    ASSIGN_OR_RETURN(const uint64_t in_day,
                     WriteRange(plan, day, blocks, keep_going, keep, writer.get()));
    writer->SetDamagedChunks(damaged + in_day);  // Nobody knows where those of before were.
    damaged_now += in_day;
  }
  ASSIGN_OR_RETURN(std::vector<storage::BlockMeta> metas, writer->PublishAll());
  if (!metas.empty()) return metas;
  if (damaged_now > 0) {
    return base::DataLoss("no chunk of {} blocks is readable", plan.blocks.size());
  }
  // Nothing of it is wanted, so it makes no difference if a crash leaves some of them.
  for (const std::string& ulid : plan.blocks) RETURN_IF_ERROR(blocks->Drop(ulid));
  return metas;
}

}  // namespace compaction
