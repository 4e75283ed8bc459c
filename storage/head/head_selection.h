// What a Select found in the head, as it was at that moment: sealed chunks are shared, open ones
// copied, so that nothing later touches it and it needs nothing of the head; but where few labels are
// wanted, it keeps the series themselves from going, to make the labels when somebody asks.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "storage/base/byte_arena.h"
#include "storage/head/head_parts.h"
#include "storage/kept_labels.h"
#include "storage/querier.h"

namespace storage {

class HeadSelection final : public Selection {
 public:
  HeadSelection(size_t expected_series, const SelectRequest& request);  // Not its matchers.
  int size() const override { return static_cast<int>(places_.size()); }
  model::LabelsView labels(int i) const override;
  std::unique_ptr<LabelsReader> ReadLabels() const override;
  absl::Status KeepLabels() override;
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
  struct FoundChunk {
    chunk::ChunkView view;
    ChunkPtr owner;  // Null: of the open chunk.
  };
  struct Chunk {  // A ChunkView in half the space: there are millions.
    const char* bytes;  // In the arena, or of an owner.
    model::TimeRange range;
    uint32_t size;
    uint16_t num_samples;
    chunk::Encoding encoding;
    bool late;  // Of LateParts::runs. They come first.
    chunk::ChunkView view() const { return {encoding, range, num_samples, {bytes, size}}; }
  };
  static_assert(sizeof(Chunk) == 32);
  struct Begins {  // Where what is of one series begins; the next one's is its end.
    uint32_t chunk, late, start;
  };
  struct Parts {
    std::span<const Chunk> late_runs, chunks;
    std::span<const LateSample> late;  // The loose ones.
    std::span<const model::StartRun> starts;  // Of what came in order.
    bool any_late() const { return !late_runs.empty() || !late.empty(); }
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
  Parts PartsOf(uint32_t n) const;
  // What came in order, into columns of floats or of both kinds.
  template <class Columns>
  absl::Status ReadChunks(int i, model::TimeRange range, Columns* out) const;
  void AddChunk(const chunk::ChunkView& view, ChunkPtr owner, bool late);
  chunk::SampleColumns LateRuns(const Parts& parts, model::TimeRange range) const;
  chunk::MixedColumns Late(const Parts& parts, model::TimeRange range) const;
  void KeepVisible(const std::vector<bool>& visible, std::vector<FoundChunk>* chunks) const;
  absl::Status MakeLabels(const HeadIndex& index);
  class LateReader;

  const model::TimeRange range_;
  const bool starts_wanted_, newest_only_, few_labels_, any_order_;
  base::ByteArena arena_;
  std::vector<Chunk> chunks_;
  std::vector<ChunkPtr> owners_;  // Of those not in the arena.
  std::vector<LateSample> late_;  // Of each series ascending.
  std::vector<model::Sample> newest_;
  model::StartRuns starts_;       // Likewise.
  std::vector<Begins> parts_;
  // In the order of adding.
  static constexpr uint32_t kHasParts = uint32_t{1} << 31;
  std::vector<uint32_t> places_;    // In parts_ (kHasParts), or in newest_.
  std::vector<MemSeries*> series_;  // Until Finish, or as long as `pass_` is held.
  std::vector<uint32_t> order_;            // By labels. Empty: as they were added.

  KeptLabels labels_;  // In the order of adding.
  // Null when all labels have been made.
  std::shared_ptr<const GatePass> pass_;
  const HeadIndex* index_ = nullptr;
};

}  // namespace storage
