// Which blocks are to go, and which are to lose a part of their series. Pure.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "storage/block/block_store.h"
#include "storage/model/labels.h"
#include "storage/model/matcher.h"

namespace compaction {

// How long series that satisfy any of the matcher sets are kept.
struct RetentionPolicy {
  std::vector<std::vector<model::Matcher>> match;
  int64_t retention_ms = 0;  // Above 0.
};

struct RetentionOptions {
  int64_t retention_ms = 0;     // 0: no limit by time.
  int64_t retention_bytes = 0;  // 0: no limit by size.
  double percentage = 0;        // Of the file system's size; above 0 it stands in for the bytes.
  // For their series these stand in for retention_ms; the first that matches decides.
  std::vector<RetentionPolicy> policies;
};

// Which policy a series is under; policies.size() when none matches.
size_t PolicyOf(const RetentionOptions& options, model::LabelsView labels);

// A block of which some series are to go: `expired` says for each policy, and last for the series
// under none, whether its time is over.
struct Thinning {
  std::string ulid;
  std::vector<bool> expired;
};

struct Expired {
  std::vector<std::string> by_time, by_size;  // ULIDs, each in one of them, the newest first.
  std::vector<Thinning> thinned;              // In neither.
};

// 0: no limit. `disk_bytes` is the file system's size, 0 when it is not known.
int64_t LimitBytes(const RetentionOptions& options, uint64_t disk_bytes);

// As Prometheus does (spec 8): a block goes when it ends `retention_ms` or more before the newest
// block ends, so that a server that was away for long keeps what it has; or when it and all newer
// blocks, with `head_bytes` (the log), come to more than the limit. With policies a block goes when
// the time of every one of them is over as well. What ends after `now`, as it does when the clock
// was ahead for a while, counts as ending now: it must not make all else old.
Expired FindExpired(const RetentionOptions& options, std::span<const storage::BlockMeta> metas,
                    uint64_t head_bytes, uint64_t disk_bytes = 0,
                    model::TimeMs now = std::numeric_limits<model::TimeMs>::max());

}  // namespace compaction
