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

// What no snapshot tells apart, neither one that is open nor one opened later.
struct CommitHorizon {
  CommitSeq settled = 0;  // Commits up to here: every one sees them. Only grows.
  // Commits after `unseen` up to `complete`: those open see none of them, later ones all.
  CommitSeq unseen = 0, complete = 0;

  bool Alike(CommitSeq a, CommitSeq b) const {
    return std::min(a, b) > unseen && std::max(a, b) <= complete;
  }
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
    Update();
  }

  CommitSnapshot Open() {
    absl::MutexLock lock(&mu_);
    CommitSnapshot snapshot{newest_, incomplete_};
    floors_.insert(snapshot.floor());
    newest_seen_.insert(snapshot.newest);
    Update();
    return snapshot;
  }
  void Close(const CommitSnapshot& snapshot) {
    absl::MutexLock lock(&mu_);
    floors_.erase(floors_.find(snapshot.floor()));
    newest_seen_.erase(newest_seen_.find(snapshot.newest));
    Update();
  }

  // Stays true for whoever acts on it later: a snapshot opened since sees all of `complete`.
  CommitHorizon horizon() const {
    CommitHorizon horizon;
    // In this order: a snapshot opened between the looks sees all that was complete by the first.
    horizon.complete = complete_.load(std::memory_order_acquire);
    horizon.unseen = unseen_.load(std::memory_order_acquire);
    horizon.settled = settled_.load(std::memory_order_acquire);
    return horizon;
  }

 private:
  void Update() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const CommitSeq complete = incomplete_.empty() ? newest_ : incomplete_.front() - 1;
    unseen_.store(newest_seen_.empty() ? 0 : *newest_seen_.rbegin(), std::memory_order_release);
    settled_.store(floors_.empty() ? complete : std::min(complete, *floors_.begin()),
                   std::memory_order_release);
    complete_.store(complete, std::memory_order_release);
  }

  absl::Mutex mu_;
  CommitSeq newest_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<CommitSeq> incomplete_ ABSL_GUARDED_BY(mu_);
  std::multiset<CommitSeq> floors_ ABSL_GUARDED_BY(mu_), newest_seen_ ABSL_GUARDED_BY(mu_);  // Of those open.
  std::atomic<CommitSeq> settled_{0}, unseen_{0}, complete_{0};
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
