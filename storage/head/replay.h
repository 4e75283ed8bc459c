// Log -> head, at start.
#pragma once

#include <functional>
#include <string>

#include "storage/head/head_parts.h"

namespace storage {

// The contract of Head::Replay.
absl::StatusOr<ReplayStats> ReplayLog(const std::string& log_dir, uint32_t watermark,
                                      uint32_t end_segment,
                                      const std::function<bool(const ReplayProgress&)>& progress,
                                      Head::Parts* parts);

// Applies records to a head that others may use. What it cannot use is counted in *stats.
class Replayer {
 public:
  Replayer(Head::Parts* parts, ReplayStats* stats);
  ~Replayer();
  void Apply(std::string_view record, uint32_t segment);
  void Damaged(std::string reason);
  void OnCut();    // No block has anything of what is applied from now on.
  void ListNew();  // Queries find what was applied so far. After the last record at the latest.

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace storage
