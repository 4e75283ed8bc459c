// What a Select found in the head, as it was at that moment: sealed chunks are shared, open ones
// copied, so that nothing later touches it and it needs nothing of the head.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "storage/head/head_parts.h"
#include "storage/querier.h"

namespace storage {

// Bytes that stay where they are put. Not thread-safe.
class ByteArena {
 public:
  std::string_view Copy(std::string_view bytes);
  char* Reserve(size_t size);  // `size` bytes to fill.

 private:
  static constexpr size_t kBlockBytes = 64 << 10;
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* free_ = nullptr;
  size_t left_ = 0;
};

class HeadSelection final : public Selection {
 public:
  explicit HeadSelection(size_t expected_series);
  int size() const override { return static_cast<int>(series_.size()); }
  model::LabelsView labels(int i) const override { return series_[i].labels; }
  absl::Status Read(int i, model::TimeRange range, chunk::SampleColumns* out) const override;
  absl::Status ReadMixed(int i, model::TimeRange range, chunk::MixedColumns* out) const override;
  model::TimeRange Extent(int i) const override;
  absl::Status ReadStarts(int i, model::TimeRange range, model::StartRuns* out) const override;

  // Adds `series` when any of its samples that `snapshot` sees may lie in the request's range. Takes
  // the stripe's lock to be held. `view`: with what flushes dropped since.
  void Add(MemSeries* series, const CommitSnapshot& snapshot, RetiredChunks* view,
           const SelectRequest& request);
  // Sorts by labels and fills them in. Once, after the last Add. kResourceExhausted: see
  // MemoryMeter.
  absl::Status Finish(LabelOrder* order, const HeadIndex& index);

 private:
  struct Chunk {
    chunk::ChunkView view;
    ChunkPtr owner;  // Null when the bytes are in the arena.
  };
  struct Series {
    model::LabelsView labels;
    uint32_t first_chunk = 0, num_chunks = 0;  // Neither chunks nor late samples: newest_[first_chunk].
    uint32_t first_late = 0, num_late = 0;
    uint32_t first_start = 0, num_starts = 0;  // Of what came in order.
  };
  // Adds no more than the newest sample, if it can be told without opening chunks.
  bool AddNewest(MemSeries* series, const CommitSnapshot& snapshot, model::TimeRange range);
  const model::Sample* Newest(const Series& series) const {  // Null: read the rest.
    return series.num_chunks == 0 && series.num_late == 0 ? &newest_[series.first_chunk] : nullptr;
  }
  // What came in order, into columns of floats or of both kinds.
  template <class Columns>
  absl::Status ReadChunks(const Series& series, model::TimeRange range, Columns* out) const;
  chunk::MixedColumns Late(const Series& series, model::TimeRange range) const;
  void AddScattered(const std::vector<bool>& visible, size_t first_chunk, model::TimeRange range);

  ByteArena arena_;
  std::vector<Chunk> chunks_;
  std::vector<LateSample> late_;  // Of each series ascending.
  std::vector<model::Sample> newest_;
  model::StartRuns starts_;       // Likewise.
  std::vector<Series> series_;
  std::vector<OrderedSeries> order_;  // Until Finish.
};

}  // namespace storage
