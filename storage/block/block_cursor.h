// All series of one block with their chunks as bytes, for merging and copying.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "storage/block/block_db.h"
#include "storage/block/exemplar_reader.h"
#include "storage/block/sealed_row.h"
#include "storage/block/series_reader.h"
#include "storage/block/start_reader.h"
#include "storage/block/time_columns.h"

namespace storage::block {

class Cursor final : public BlockCursor {  // Not thread-safe. Keeps the block.
 public:
  // A chunk that lies only partly in `range` is given whole.
  Cursor(std::shared_ptr<const Block> block, model::TimeRange range);
  ~Cursor() override;

  absl::StatusOr<bool> Next() override;
  model::LabelsView labels() const override { return model::LabelsView(series_.labels()); }
  std::span<const chunk::ChunkView> chunks() const override { return chunks_; }
  std::span<const model::Exemplar> exemplars() const override { return exemplars_; }
  std::span<const model::StartRun> starts() const override { return starts_; }
  const chunk::SampleColumns& sealed() const override { return sealed_; }
  std::span<const model::TimeRange> deleted() const override { return deleted_; }
  uint64_t damaged_chunks() const override { 
    return damaged_ + exemplar_reader_.damaged() + start_reader_.damaged();
  }

 private:
  void ReadRow(model::TimeRange row);
  // Moves to `key`, which is most often the next one.
  bool MoveTo(const std::string& key);
  int TakeChunks(model::TimeRange row);  // How many were damaged.
  bool TakeSealed(const std::string& key);

  const std::shared_ptr<const Block> block_;
  const model::TimeRange range_;
  const std::shared_ptr<const Tombstones> tombstones_;  // As of the beginning.
  std::span<const model::TimeRange> deleted_;           // Of the series.
  SeriesReader series_;
  std::unique_ptr<rocksdb::Iterator> it_;  // Over rows. Null after it failed.
  uint32_t ref_ = 0;
  std::vector<std::string> row_bytes_;  // Of the series; reused.
  size_t num_rows_ = 0;
  std::vector<chunk::ChunkView> chunks_;
  ExemplarReader exemplar_reader_;
  std::vector<model::Exemplar> exemplars_;
  StartReader start_reader_;
  std::span<const model::StartRun> starts_;
  const TimeColumns times_;
  SealedRow row_;  // Reused.
  chunk::SampleColumns sealed_;
  uint64_t damaged_ = 0;
};

}  // namespace storage::block
