// Reads the exemplars of a block, series after series.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "storage/block/block_db.h"
#include "storage/model/exemplar.h"

namespace storage::block {

// Not thread-safe. The block must outlive it. Damaged rows are counted and left out.
class ExemplarReader {
 public:
  // A merge does not fill the cache.
  ExemplarReader(const Block& block, FoundBy reader);
  ~ExemplarReader();

  // Goes to the first series from `ref` on that has exemplars, and returns it; 0 when there is none
  // or it cannot be read. `ref` is above that of the series read before.
  uint32_t Find(uint32_t ref);
  // Replaces *out with those in `range` of the series that Find found, in order. Call once for it.
  void Read(model::TimeRange range, std::vector<model::Exemplar>* out);
  // From the first to the last of `ref`, which ascends as for Find; None when it has none.
  model::TimeRange Times(uint32_t ref);

  uint64_t damaged() const { return damaged_; }  // Rows; told to the store as well.

 private:
  void Damaged(std::string_view what);

  const Block& block_;
  const FoundBy reader_;
  const std::unique_ptr<rocksdb::Iterator> it_;  // Null when the block has none.
  uint32_t found_ = 0;
  bool failing_ = false;  // The last Find met a part of a table that cannot be read.
  uint64_t damaged_ = 0;
  std::vector<model::Exemplar> scratch_;
};

}  // namespace storage::block
