// The series of one block that a Select found, and reading them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/synchronization/mutex.h>

#include "storage/block/block_db.h"
#include "storage/block/start_reader.h"
#include "storage/block/time_columns.h"
#include "storage/index/postings.h"
#include "storage/kept_labels.h"
#include "storage/model/packed_labels.h"
#include "storage/querier.h"
#include "storage/warnings.h"

namespace storage::block {

// Thread-safe once loaded. Keeps the block. Every thread that reads borrows an iterator; a reader
// that goes through the series in order finds the one that stands just before its row.
class BlockSelection final : public Selection {
 public:
  // `tombstones` are those of the block that this view of it knows.
  BlockSelection(std::shared_ptr<const Block> block, std::shared_ptr<const Tombstones> tombstones,
                 std::shared_ptr<Warnings> warnings);
  ~BlockSelection() override;

  // Takes the series of `refs` with rows that overlap `range` and are not deleted there. Call once,
  // first.
  absl::Status Load(const Postings& refs, model::TimeRange range, bool few_labels);

  int size() const override { return static_cast<int>(items_.size()); }
  model::LabelsView labels(int i) const override;
  std::unique_ptr<LabelsReader> ReadLabels() const override;
  absl::Status KeepLabels() override;
  absl::Status Read(int i, model::TimeRange range, chunk::SampleColumns* out) const override;
  absl::Status ReadMixed(int i, model::TimeRange range, chunk::MixedColumns* out) const override;
  absl::Status ReadThin(int i, model::TimeRange range, const chunk::Windows& windows,
                        chunk::SampleColumns* out) const override;
  model::TimeRange Extent(int i) const override;
  absl::Status ReadStarts(int i, model::TimeRange range, model::StartRuns* out) const override;

 private:
  struct Item {
    uint32_t ref;
    uint32_t rows_begin;  // Its rows end where those of the next item begin.
  };
  struct Reader {
    std::unique_ptr<rocksdb::Iterator> iterator;
    uint32_t ref = 0;  // Of the series read last.
  };

  // Where samples go; without `mixed`, only floats, and of these what `windows` wants, if given.
  struct Target {
    chunk::SampleColumns* floats;
    chunk::MixedColumns* mixed = nullptr;
    const chunk::Windows* windows = nullptr;
  };

  std::span<const model::TimeRange> Rows(int i) const;
  void ReadRows(int i, model::TimeRange range, Target out) const;
  Reader Borrow(uint32_t ref) const;
  void Return(Reader reader) const;
  // Appends the samples of one row. False when the iterator is no good any more.
  bool ReadRow(rocksdb::Iterator* it, const Item& item, model::TimeRange row,
               model::TimeRange range, Target out) const;
  void ReadChunks(std::string_view bytes, const Item& item, model::TimeRange row,
                  model::TimeRange range, Target out) const;
  void ReadSealed(std::string_view key, std::string_view bytes, const Item& item,
                  model::TimeRange row, model::TimeRange range, Target out) const;
  void Damaged(const Item& item, model::TimeRange where, std::string_view what) const;

  const std::shared_ptr<const Block> block_;
  const std::shared_ptr<const Tombstones> tombstones_;
  const std::shared_ptr<Warnings> warnings_;
  const TimeColumns times_;
  bool fill_cache_ = true;
  model::PackedLabels packed_;  // Empty when labels_ has all.
  KeptLabels labels_;
  std::vector<Item> items_;
  std::vector<model::TimeRange> rows_;

  mutable absl::Mutex starts_mu_;
  mutable std::unique_ptr<StartReader> start_reader_ ABSL_GUARDED_BY(starts_mu_);  // Made when asked.

  mutable absl::Mutex mu_;
  mutable std::vector<Reader> idle_ ABSL_GUARDED_BY(mu_);
};

}  // namespace storage::block
