// Which blocks to merge next. Pure: same arguments, same answer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "storage/block/block_store.h"
#include "storage/model/sample.h"

namespace compaction {

struct PlanOptions {
  int64_t window_ms = 2 * 3600 * 1000;  // Width of level 1, aligned to the epoch.
  int64_t day_ms = 24 * 3600 * 1000;    // Width of level 2; a multiple of window_ms.
  // Blocks belong to a window by their newest sample. A flush at the end of a window comes a little
  // late: what ends at most this long after a boundary still belongs before it.
  int64_t slack_ms = 60 * 1000;
  // A window is finished this long after its end, when nothing is flushed into it any more.
  int64_t settle_ms = 15 * 60 * 1000;
  // Blocks of one level in one unfinished window that are merged without waiting for its end; more
  // of them come only with heavy load. At least 2.
  size_t max_waiting = 12;
  // Late data makes a day that was merged already be merged again; not for every handful of samples,
  // but when its blocks have waited so long, or when max_waiting of them have come.
  int64_t late_wait_ms = 6 * 3600 * 1000;
};

struct Plan {
  std::vector<std::string> blocks;  // ULIDs to merge, by time.
  int level = 0;                    // Of the block that stands in for them.
  std::string reason;               // A phrase for the log.
};

// The next merge, or nothing. The oldest work first, within a level; windows before days; last what
// is rewritten alone, since it spans days or something was deleted of more than 1 in 20 of its series.
std::optional<Plan> MakePlan(const PlanOptions& options,
                             std::span<const storage::BlockMeta> metas, model::TimeMs now);

// A block to be rewritten alone, without what is deleted of it, and to stay at its level.
Plan CleanPlan(const storage::BlockMeta& block);

}  // namespace compaction
