// Reads the start times of a block's samples, series after series.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "storage/block/block_db.h"
#include "storage/block/start_row.h"

namespace storage::block {

// Not thread-safe. The block must outlive it. Damaged rows are counted and left out.
class StartReader {
 public:
  // A merge does not fill the cache.
  StartReader(const Block& block, FoundBy reader);
  ~StartReader();

  // Of the samples of series `ref`, until the next call; empty when there are none. Cheap for a
  // series beside the one before.
  std::span<const model::StartRun> Find(uint32_t ref);
  uint64_t damaged() const { return damaged_; }  // Rows; told to the store as well.

 private:
  void Damaged(std::string_view what);

  const Block& block_;
  const FoundBy reader_;
  const std::unique_ptr<rocksdb::Iterator> it_;  // Null when the block has none.
  // What is known of the series from one to the other.
  uint32_t known_from_ = 1, known_to_ = 0;
  std::vector<SeriesStarts> series_;
  uint64_t damaged_ = 0;
};

}  // namespace storage::block
