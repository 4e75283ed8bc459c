// Quantiles of what was observed lately: count and sum for ever, quantiles over the last ten minutes
// and at most kKept observations.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "server/scrape/scrape_stats.h"

namespace server {

class Summary {  // Thread-safe.
 public:
  void Observe(double seconds);
  SummarySnapshot Snapshot() const;  // 0.01, 0.05, 0.5, 0.9, 0.99.

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kKept = 512;
  struct Observation {
    Clock::time_point when;
    double seconds;
  };
  mutable absl::Mutex mu_;
  std::vector<Observation> ring_ ABSL_GUARDED_BY(mu_);
  size_t next_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t count_ ABSL_GUARDED_BY(mu_) = 0;
  double sum_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace server
