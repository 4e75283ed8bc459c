// The newest exemplars of all series, in one ring of fixed size: a new one pushes out the oldest.
#pragma once

#include <cstdint>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/functional/function_ref.h>
#include <absl/synchronization/mutex.h>

#include "storage/index/postings.h"
#include "storage/model/exemplar.h"

namespace storage {

class ExemplarRing {  // Thread-safe.
 public:
  static constexpr size_t kMaxLabelRunes = 128;  // Names and values together.

  explicit ExemplarRing(int64_t capacity) : capacity_(capacity > 0 ? capacity : 0) {}

  // Whether Add would take it: newer than the series' newest (or as old with a greater value or
  // labels: buckets of one histogram), labels not too long, and the ring not of size 0.
  bool Accepts(SeriesRef ref, const model::Exemplar& exemplar) const;
  bool Add(SeriesRef ref, model::Exemplar exemplar);

  // Oldest first, as they came.
  void ForEach(absl::FunctionRef<void(SeriesRef, const model::Exemplar&)> visit) const;
  size_t size() const;
  // What was kept of these series is no longer found; `gone` ascends.
  void Forget(const Postings& gone);

 private:
  struct Entry {
    SeriesRef ref = SeriesRef::kNone;
    model::Exemplar exemplar;
  };
  bool AcceptsLocked(SeriesRef ref, const model::Exemplar& exemplar) const
      ABSL_SHARED_LOCKS_REQUIRED(mu_);

  const size_t capacity_;
  mutable absl::Mutex mu_;
  std::vector<Entry> ring_ ABSL_GUARDED_BY(mu_);
  size_t next_ ABSL_GUARDED_BY(mu_) = 0;  // Where the next one goes once the ring is full.
  absl::flat_hash_map<SeriesRef, size_t> newest_ ABSL_GUARDED_BY(mu_);
};

}  // namespace storage
