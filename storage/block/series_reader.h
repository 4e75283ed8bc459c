// Reads the series entries of a block in ascending order of refs.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "storage/block/block_db.h"

namespace storage::block {

class SeriesReader {  // Not thread-safe. The block must outlive it.
 public:
  // `fill_cache` false for who goes through the block once, as merges do.
  explicit SeriesReader(const Block& block, bool fill_cache = true);
  ~SeriesReader();

  // Cheap when `ref` is a little above the one before. kDataLoss when the entry is damaged.
  absl::Status Read(uint32_t ref);
  // Of the series read last, until the next Read.
  std::string_view labels() const { return labels_; }  // Canonical bytes.
  const std::vector<model::TimeRange>& rows() const { return rows_; }

 private:
  const Block& block_;
  std::unique_ptr<rocksdb::Iterator> it_;
  uint32_t ref_ = 0;
  std::string_view labels_;
  std::vector<model::TimeRange> rows_;
};

}  // namespace storage::block
