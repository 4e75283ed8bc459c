// What a Select found in the head, as it was at that moment: sealed chunks are shared, open ones
// copied, so that nothing later touches it and it needs nothing of the head; but where few labels are
// wanted, it keeps the series themselves from going, to make the labels when somebody asks.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/synchronization/mutex.h>

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
  HeadSelection(size_t expected_series, const SelectRequest& request);  // Not its matchers.
  int size() const override { return static_cast<int>(places_.size()); }
  model::LabelsView labels(int i) const override {
    return pass_ == nullptr ? labels_[Nth(i)] : LateLabels(Nth(i));
  }
  bool GroupBy(std::span<const std::string> names, std::vector<int>* groups) const override;
  absl::Status Read(int i, model::TimeRange range, chunk::SampleColumns* out) const override;
  absl::Status ReadMixed(int i, model::TimeRange range, chunk::MixedColumns* out) const override;
  void ReadNewest(int begin, std::span<model::Sample> out) const override;
  model::TimeRange Extent(int i) const override;
  absl::Status ReadStarts(int i, model::TimeRange range, model::StartRuns* out) const override;

  // Adds `series` when any of its samples that `snapshot` sees may lie in the request's range. Takes
  // the stripe's lock to be held. `view`: with what flushes dropped since.
  void Add(MemSeries* series, const CommitSnapshot& snapshot, RetiredChunks* view);
  // Sorts by labels and fills them in, as the request says. Once, after the last Add. `pass`: from
  // before the series were found. kResourceExhausted: see MemoryMeter.
  absl::Status Finish(LabelOrder* order, const HeadIndex& index,
                      std::shared_ptr<const GatePass> pass);

 private:
  struct Chunk {
    chunk::ChunkView view;
    ChunkPtr owner;  // Null when the bytes are in the arena.
  };
  struct Parts {
    uint32_t first_chunk = 0, num_chunks = 0;
    uint32_t first_late = 0, num_late = 0;
    uint32_t first_start = 0, num_starts = 0;  // Of what came in order.
  };
  // Adds no more than the newest sample, if it can be told without opening chunks.
  bool AddNewest(MemSeries* series, const CommitSnapshot& snapshot);
  // The number, in the order of adding, of the series that stands at `i`.
  uint32_t Nth(int i) const {
    return order_.empty() ? static_cast<uint32_t>(i) : order_[static_cast<size_t>(i)];
  }
  const model::Sample* Newest(uint32_t n) const {  // Null: there are parts.
    return (places_[n] & kHasParts) == 0 ? &newest_[places_[n]] : nullptr;
  }
  const Parts& PartsOf(uint32_t n) const { return parts_[places_[n] & ~kHasParts]; }
  // What came in order, into columns of floats or of both kinds.
  template <class Columns>
  absl::Status ReadChunks(int i, model::TimeRange range, Columns* out) const;
  chunk::MixedColumns Late(const Parts& parts, model::TimeRange range) const;
  void AddScattered(const std::vector<bool>& visible, size_t first_chunk);
  absl::Status MakeLabels(const HeadIndex& index);
  model::LabelsView CopyLabels(const HeadIndex& index, uint32_t n, ByteArena* arena) const;
  model::LabelsView LateLabels(uint32_t n) const;

  const model::TimeRange range_;
  const bool starts_wanted_, newest_only_, few_labels_, any_order_;
  ByteArena arena_;
  std::vector<Chunk> chunks_;
  std::vector<LateSample> late_;  // Of each series ascending.
  std::vector<model::Sample> newest_;
  model::StartRuns starts_;       // Likewise.
  std::vector<Parts> parts_;
  // In the order of adding.
  static constexpr uint32_t kHasParts = uint32_t{1} << 31;
  std::vector<uint32_t> places_;    // In parts_ (kHasParts), or in newest_.
  std::vector<MemSeries*> series_;  // Until Finish, or as long as `pass_` is held.
  std::vector<model::LabelsView> labels_;  // Empty when they are made late.
  std::vector<uint32_t> order_;            // By labels. Empty: as they were added.

  // Null when all labels have been made.
  std::shared_ptr<const GatePass> pass_;
  const HeadIndex* index_ = nullptr;
  mutable absl::Mutex mu_;
  mutable ByteArena late_arena_ ABSL_GUARDED_BY(mu_);
  mutable absl::flat_hash_map<uint32_t, model::LabelsView> late_labels_ ABSL_GUARDED_BY(mu_);
};

}  // namespace storage
