// BlockContents over the tables of one block.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "storage/block/block_db.h"
#include "storage/block/contents.h"
#include "storage/block/sealed_row.h"
#include "storage/block/table_scan.h"

namespace storage::block {

class ContentReader final : public BlockContents {  // Needs `block` only to begin with.
 public:
  explicit ContentReader(const Block& block);
  ~ContentReader() override;

  bool Next() override;
  const SeriesContents& series() const override { return contents_; }
  void TellParts(std::function<void(const PartContents&)> tell) override { tell_ = std::move(tell); }
  uint32_t position() const override { return position_; }
  void SkipTo(uint32_t position) override;
  uint64_t bytes_read() const override { return files_.bytes_read(); }
  uint64_t damaged() const override;

 private:
  bool TakeEntry(uint32_t* ref);   // False when it is damaged.
  void TakeChunks(uint32_t ref);   // The rows of it; those of entries left out are passed over.
  void TakeSealed(uint32_t ref);
  void Count(const PartContents& part);

  std::unique_ptr<TableScan> Scan(std::string_view kind) const;
  std::unique_ptr<TableScan> ScanFrom(std::string_view kind, const std::string& key) const;

  const std::vector<TableFile> tables_;
  CountedFiles files_;
  std::unique_ptr<TableScan> series_, rows_, sealed_;
  uint32_t position_ = 1;  // The ref that comes next.
  uint64_t damaged_ = 0;
  std::string labels_;
  SeriesContents contents_;
  std::function<void(const PartContents&)> tell_;
  std::vector<model::TimeRange> row_ranges_;  // These are reused.
  std::vector<chunk::ChunkView> chunks_;
  SealedRow row_;
};

}  // namespace storage::block
