#include "server/scrape/summary.h"

#include <algorithm>
#include <cmath>

namespace server {

void Summary::Observe(double seconds) {
  absl::MutexLock lock(&mu_);
  ++count_;
  sum_ += seconds;
  const Observation observation{Clock::now(), seconds};
  if (ring_.size() < kKept) {
    ring_.push_back(observation);
  } else {
    ring_[next_] = observation;
    next_ = (next_ + 1) % kKept;
  }
}

SummarySnapshot Summary::Snapshot() const {
  SummarySnapshot snapshot;
  std::vector<double> recent;
  {
    absl::MutexLock lock(&mu_);
    snapshot.count = count_;
    snapshot.sum_s = sum_;
    const Clock::time_point since = Clock::now() - std::chrono::minutes(10);
    for (const Observation& observation : ring_) {
      if (observation.when >= since) recent.push_back(observation.seconds);
    }
  }
  if (recent.empty()) return snapshot;
  std::sort(recent.begin(), recent.end());
  for (const double q : {0.01, 0.05, 0.5, 0.9, 0.99}) {
    const double rank = std::ceil(q * static_cast<double>(recent.size()));
    snapshot.quantiles.emplace_back(q, recent[static_cast<size_t>(std::max(rank, 1.0)) - 1]);
  }
  return snapshot;
}

}  // namespace server
