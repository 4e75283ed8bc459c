// The time columns of a block: gathered while it is written, and read with what was read before kept.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/synchronization/mutex.h>

#include "storage/base/hash.h"
#include "storage/block/block_db.h"
#include "storage/block/sealed_row.h"
#include "storage/model/labels.h"

namespace storage::block {

// Gives every series the column that holds its times, a new one only when none does. Memory: the
// packed columns, and 48 bytes for each. Not thread-safe.
class TimeColumnsWriter {
 public:
  // `target` is what series with the same times are likely to share: see TargetOf.
  TimeStretch Place(std::span<const model::TimeMs> times, uint64_t target);
  // By id, packed.
  const std::vector<std::string>& columns() const { return columns_; }

  static uint64_t TargetOf(model::LabelsView labels);  // Of `instance` and `job`.

 private:
  // Where the last column of `target` holds all of `times`, which need not be all of it.
  bool FindWithin(std::span<const model::TimeMs> times, uint32_t column, TimeStretch* place);

  struct HashOf128 {
    size_t operator()(const base::Hash128& h) const { return h.low; }
  };
  std::vector<std::string> columns_;
  absl::flat_hash_map<base::Hash128, uint32_t, HashOf128> by_content_;
  absl::flat_hash_map<uint64_t, uint32_t> by_target_;  // The longest so far.
  std::vector<model::TimeMs> scratch_;
};

// Thread-safe. The block must outlive it.
class TimeColumns {
 public:
  using Column = std::shared_ptr<const std::vector<model::TimeMs>>;

  // `fill_cache` as in SeriesReader.
  explicit TimeColumns(const Block& block, bool fill_cache = true)
      : block_(block), fill_cache_(fill_cache) {}
  // Null when it is damaged or missing.
  Column Get(uint32_t id) const;

 private:
  static constexpr size_t kMaxKeptTimes = 256 << 10;

  const Block& block_;
  const bool fill_cache_;
  mutable absl::Mutex mu_;
  mutable absl::flat_hash_map<uint32_t, Column> kept_ ABSL_GUARDED_BY(mu_);
  mutable std::deque<uint32_t> order_ ABSL_GUARDED_BY(mu_);
  mutable size_t kept_times_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace storage::block
