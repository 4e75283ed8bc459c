// Log -> head, at start.
#pragma once

#include <functional>
#include <string>

#include "storage/head/head_parts.h"

namespace storage {

// The contract of Head::Replay.
absl::StatusOr<ReplayStats> ReplayLog(const std::string& log_dir, uint32_t watermark,
                                      const std::function<void(const ReplayProgress&)>& progress,
                                      Head::Parts* parts);

// Applies one record to a head that nobody else uses. What it cannot use is counted in *stats.
class Replayer {
 public:
  Replayer(Head::Parts* parts, ReplayStats* stats);
  ~Replayer();
  void Apply(std::string_view record, uint32_t segment);
  void Damaged(std::string reason);
  void Finish();  // After the last record.

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace storage
