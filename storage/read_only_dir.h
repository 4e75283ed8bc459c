// A data directory that is somebody else's: read, never written to, whether its server runs or not.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <absl/status/statusor.h>

#include "storage/block/block_store.h"
#include "storage/head/head.h"

namespace storage {

// What was read of the log.
struct LogCheck {
  uint64_t segments = 0, checkpoints = 0, records = 0, bytes = 0;
};

class ReadOnlyDir {  // Not thread-safe.
 public:
  // kNotFound when there is no data of ours in `dir`; kFailedPrecondition for a newer format.
  static absl::StatusOr<std::unique_ptr<ReadOnlyDir>> Open(const std::string& dir,
                                                           int64_t cache_bytes);

  // A server writes there: blocks and segments come and go, and only those of Open are known here.
  bool in_use() const { return in_use_; }
  BlockStore* blocks() const { return blocks_.get(); }
  const std::string& log_dir() const { return log_dir_; }
  uint32_t watermark() const { return watermark_; }  // First segment of the log that is needed.

  // Reads every checkpoint, and every segment that is needed, record by record. An error is one of
  // reading the directory. `bytes_read`, which may be null, hears of each record's size.
  absl::StatusOr<LogCheck> CheckLog(const std::function<void(Damage)>& tell,
                                    const std::function<void(uint64_t)>& bytes_read = nullptr) const;

  // Takes the log into memory, so that queriers see what no block has. Once; needs as much memory as
  // its server does. The log may be damaged; errors are those of reading it.
  absl::StatusOr<ReplayStats> ReadLog();
  // Over the blocks and, after ReadLog, the log. This outlives it.
  absl::StatusOr<std::unique_ptr<Querier>> NewQuerier(model::TimeRange range);

 private:
  ReadOnlyDir() = default;
  absl::Status CheckSegments(const std::string& dir, uint32_t first, const std::string& place,
                             const std::function<void(Damage)>& tell,
                             const std::function<void(uint64_t)>& bytes_read, LogCheck* check) const;

  bool WatermarkMoved() const;  // Since Open, by the server that writes there.

  std::string log_dir_, blocks_dir_;
  uint32_t watermark_ = 0;
  bool in_use_ = false;
  std::unique_ptr<BlockStore> blocks_;
  std::unique_ptr<Head> head_;  // Null before ReadLog.
};

}  // namespace storage
