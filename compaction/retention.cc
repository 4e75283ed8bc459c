#include "compaction/retention.h"

#include <algorithm>

namespace compaction {

Expired FindExpired(const RetentionOptions& options, std::span<const storage::BlockMeta> metas,
                    uint64_t head_bytes) {
  std::vector<const storage::BlockMeta*> newest_first;
  for (const storage::BlockMeta& meta : metas) newest_first.push_back(&meta);
  std::sort(newest_first.begin(), newest_first.end(), [](const auto* a, const auto* b) {
    return std::tie(a->range.max, a->ulid) > std::tie(b->range.max, b->ulid);
  });

  Expired expired;
  uint64_t bytes = head_bytes;
  bool full = false;
  for (const storage::BlockMeta* block : newest_first) {
    // Differences of times do not fit an int64 when clocks are wild.
    const auto age = static_cast<uint64_t>(newest_first.front()->range.max) -
                     static_cast<uint64_t>(block->range.max);
    if (options.retention_ms > 0 && age >= static_cast<uint64_t>(options.retention_ms)) {
      expired.by_time.push_back(block->ulid);
      continue;
    }
    bytes += block->bytes;
    full |= options.retention_bytes > 0 && bytes > static_cast<uint64_t>(options.retention_bytes);
    if (full) expired.by_size.push_back(block->ulid);
  }
  return expired;
}

}  // namespace compaction
