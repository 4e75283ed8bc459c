// The exemplars of all series that no block has yet, in one ring of fixed size: a new one pushes out
// the one that came first. Of what a flush gave to a block only the newest of each series stays, as
// long as there is room, to judge what comes: sources show the same exemplar again and again.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/functional/function_ref.h>
#include <absl/synchronization/mutex.h>

#include "storage/index/postings.h"
#include "storage/model/exemplar.h"

namespace storage {

class ExemplarRing {  // Thread-safe.
 public:
  static constexpr size_t kMaxLabelRunes = 128;  // Names and values together.
  enum class Verdict : uint8_t {
    kNew,
    kRepeat,   // Nothing to do.
    kRefused,  // Out of order, its labels too long, or the ring is of size 0.
  };
  using BySeries = absl::flat_hash_map<SeriesRef, std::vector<model::Exemplar>>;

  explicit ExemplarRing(int64_t capacity);

  // New is what is newer than the series' newest (or as old with a greater value or labels: buckets
  // of one histogram), or less than `window_ms` older at a time of which the series has none.
  Verdict Judge(SeriesRef ref, const model::Exemplar& exemplar, int64_t window_ms) const;
  Verdict Add(SeriesRef ref, model::Exemplar exemplar, int64_t window_ms);
  // Of the log: somebody was told that it is kept, so it is, whatever came before; but not twice.
  void AddReplayed(SeriesRef ref, model::Exemplar exemplar);
  // Of a checkpoint: a block has it, and it is only to judge by.
  void AddFlushed(SeriesRef ref, model::Exemplar exemplar);

  // Those that no block has, as they came.
  void ForEach(absl::FunctionRef<void(SeriesRef, const model::Exemplar&)> visit) const;
  size_t size() const;  // All that is held.
  size_t num_without_block() const { return without_block_.load(std::memory_order_relaxed); }
  size_t capacity() const { return capacity_; }

  // A flush: cut, give out, checkpoint, drop. One that is given up changes nothing.
  void Cut();  // What comes from here on is for the next one.
  // What came before the cut and no block has; each series' in order.
  BySeries GiveOut();
  // Of what came before the cut: whatever was not given out, and of each series the newest that was.
  void ForEachBeforeCut(
      absl::FunctionRef<void(SeriesRef, const model::Exemplar&, bool given_out)> visit) const;
  void DropGivenOut();  // A block has it.

  absl::flat_hash_set<SeriesRef> WithoutBlock() const;  // Series of what no block has.
  // What was kept of these series is no longer found; `gone` ascends.
  void Forget(const Postings& gone);

 private:
  using Place = uint32_t;  // In ring_.
  static constexpr Place kNowhere = UINT32_MAX;
  enum class State : uint8_t { kHeld, kGivenOut, kFlushed };
  struct Entry {
    SeriesRef ref = SeriesRef::kNone;  // None: nothing is here.
    State state = State::kHeld;
    Place older = kNowhere, newer = kNowhere;  // Of the same series.
    uint64_t number = 0;                       // Counts up as they come.
    model::Exemplar exemplar;
  };
  struct Ends {
    Place oldest = kNowhere, newest = kNowhere;
  };

  Verdict JudgeLocked(SeriesRef ref, const model::Exemplar& exemplar, int64_t window_ms) const
      ABSL_SHARED_LOCKS_REQUIRED(mu_);
  // The last of the series that is not newer than `t`.
  Place NotAfter(SeriesRef ref, model::TimeMs t) const ABSL_SHARED_LOCKS_REQUIRED(mu_);
  void Insert(SeriesRef ref, model::Exemplar exemplar, State state)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Remove(Place place) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CloseGaps() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const size_t capacity_;
  std::atomic<size_t> without_block_{0};  // Entries that are not kFlushed. Written under mu_.
  mutable absl::Mutex mu_;
  std::vector<Entry> ring_ ABSL_GUARDED_BY(mu_);
  size_t next_ ABSL_GUARDED_BY(mu_) = 0;  // Where the next one goes once the ring is full.
  uint64_t next_number_ ABSL_GUARDED_BY(mu_) = 1;
  uint64_t cut_ ABSL_GUARDED_BY(mu_) = 0;  // The first number behind it.
  absl::flat_hash_map<SeriesRef, Ends> series_ ABSL_GUARDED_BY(mu_);
};

}  // namespace storage
