// Which commits a query sees: those that were complete when it began. Commits are numbered; a series
// remembers the numbers of its newest samples for as long as somebody may need to tell them apart.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <set>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

namespace storage {

using CommitSeq = uint64_t;  // From 1. What was replayed has none: everybody sees it.

struct CommitSnapshot {
  CommitSeq newest = 0;
  std::vector<CommitSeq> incomplete;  // Below or at newest, ascending; most often empty.

  bool Sees(CommitSeq seq) const {
    return seq <= newest && !std::binary_search(incomplete.begin(), incomplete.end(), seq);
  }
  // Everything up to here is seen.
  CommitSeq floor() const { return incomplete.empty() ? newest : incomplete.front() - 1; }
};

class Isolation {  // Thread-safe.
 public:
  CommitSeq Begin() {
    absl::MutexLock lock(&mu_);
    incomplete_.push_back(++newest_);
    return newest_;
  }
  void End(CommitSeq seq) {
    absl::MutexLock lock(&mu_);
    incomplete_.erase(std::lower_bound(incomplete_.begin(), incomplete_.end(), seq));
    UpdateSettled();
  }

  CommitSnapshot Open() {
    absl::MutexLock lock(&mu_);
    CommitSnapshot snapshot{newest_, incomplete_};
    floors_.insert(snapshot.floor());
    return snapshot;
  }
  void Close(const CommitSnapshot& snapshot) {
    absl::MutexLock lock(&mu_);
    floors_.erase(floors_.find(snapshot.floor()));
    UpdateSettled();
  }

  // Commits up to this one are seen by every snapshot, open now or opened later. Only grows.
  CommitSeq settled() const { return settled_.load(std::memory_order_acquire); }

 private:
  void UpdateSettled() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    CommitSeq settled = incomplete_.empty() ? newest_ : incomplete_.front() - 1;
    if (!floors_.empty()) settled = std::min(settled, *floors_.begin());
    settled_.store(settled, std::memory_order_release);
  }

  absl::Mutex mu_;
  CommitSeq newest_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<CommitSeq> incomplete_ ABSL_GUARDED_BY(mu_);
  std::multiset<CommitSeq> floors_ ABSL_GUARDED_BY(mu_);
  std::atomic<CommitSeq> settled_{0};
};

// Held open for as long as it lives.
class HeldSnapshot {
 public:
  explicit HeldSnapshot(Isolation* isolation)
      : isolation_(isolation), snapshot_(isolation->Open()) {}
  HeldSnapshot(const HeldSnapshot&) = delete;
  HeldSnapshot& operator=(const HeldSnapshot&) = delete;
  ~HeldSnapshot() { isolation_->Close(snapshot_); }
  const CommitSnapshot& operator*() const { return snapshot_; }

 private:
  Isolation* const isolation_;
  const CommitSnapshot snapshot_;
};

}  // namespace storage
