#include "storage/admission.h"

#include <utility>

#include "storage/base/status.h"

namespace storage {

void Admission::Close(Gate gate, std::string reason) {
  absl::MutexLock lock(&mu_);
  reasons_[static_cast<size_t>(gate)] = std::move(reason);
  closed_.fetch_or(Bit(gate), std::memory_order_release);
}

void Admission::Open(Gate gate) {
  absl::MutexLock lock(&mu_);
  closed_.fetch_and(~Bit(gate), std::memory_order_release);
  reasons_[static_cast<size_t>(gate)].clear();
}

std::string Admission::reason(Gate gate) const {
  absl::MutexLock lock(&mu_);
  return reasons_[static_cast<size_t>(gate)];
}

absl::Status Admission::CheckCommit(uint64_t samples) {
  const uint32_t closed = closed_.load(std::memory_order_acquire);
  if ((closed & (Bit(Gate::kLog) | Bit(Gate::kDisk))) == 0) return absl::OkStatus();
  refused_commits_.fetch_add(1, std::memory_order_relaxed);
  refused_samples_.fetch_add(samples, std::memory_order_relaxed);
  return base::Unavailable("{}",
                           reason((closed & Bit(Gate::kLog)) != 0 ? Gate::kLog : Gate::kDisk));
}

absl::Status Admission::CheckQuery() {
  if (!closed(Gate::kQueries)) return absl::OkStatus();
  refused_queries_.fetch_add(1, std::memory_order_relaxed);
  return base::ResourceExhausted("{}", reason(Gate::kQueries));
}

}  // namespace storage
