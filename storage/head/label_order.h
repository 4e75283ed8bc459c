// Series in label order, without comparing labels again and again: each series gets a rank now and
// then, and sorting is by that. Series newer than the last ranking are put between the others.
#pragma once

#include <cstdint>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "storage/head/series_map.h"

namespace storage {

// A series and where it stands in the caller's own list.
struct OrderedSeries {
  MemSeries* series = nullptr;
  uint32_t index = 0;
};

class LabelOrder {  // Thread-safe. Callers are inside the gate.
 public:
  LabelOrder(const SeriesMap* map, const HeadIndex* index) : map_(map), index_(index) {}

  void Sort(std::vector<OrderedSeries>* list);
  // All series, in order; each has a rank afterwards.
  std::vector<MemSeries*> RankAll();
  // Of a series that was unlinked: its place may be given to another.
  void Forget(MemSeries* series);

 private:
  bool SortByRank(std::vector<OrderedSeries>* list) ABSL_SHARED_LOCKS_REQUIRED(mu_);
  std::vector<MemSeries*> RankAllLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const SeriesMap* const map_;
  const HeadIndex* const index_;
  absl::Mutex mu_;  // Guards MemSeries::rank of all series.
  uint32_t max_rank_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace storage
