// Which blocks are to go. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "storage/block/block_store.h"

namespace compaction {

struct RetentionOptions {
  int64_t retention_ms = 0;     // 0: no limit by time.
  int64_t retention_bytes = 0;  // 0: no limit by size.
};

struct Expired {
  std::vector<std::string> by_time, by_size;  // ULIDs, each in one of them, the newest first.
};

// As Prometheus does (spec 8): a block goes when it ends `retention_ms` or more before the newest
// block ends, so that a server that was away for long keeps what it has; or when it and all newer
// blocks, with `head_bytes` (the log), come to more than `retention_bytes`.
Expired FindExpired(const RetentionOptions& options, std::span<const storage::BlockMeta> metas,
                    uint64_t head_bytes);

}  // namespace compaction
