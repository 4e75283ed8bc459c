// Series in label order, without comparing labels again and again: each series gets a rank now and
// then, and sorting is by that. Series newer than the last ranking are put between the others.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "storage/head/series_map.h"

namespace storage {

class LabelOrder {  // Thread-safe. Callers are inside the gate.
 public:
  LabelOrder(const SeriesMap* map, const HeadIndex* index) : map_(map), index_(index) {}

  // Where in `list` its series stand, in label order.
  std::vector<uint32_t> Order(std::span<MemSeries* const> list);
  // All series, in order; each has a rank afterwards.
  std::vector<MemSeries*> RankAll();
  // Of a series that was unlinked: its place may be given to another.
  void Forget(MemSeries* series);

 private:
  using List = std::span<MemSeries* const>;
  // Replaces *order. False when more than `most` of them have no rank.
  bool OrderByRank(List list, size_t most, std::vector<uint32_t>* order)
      ABSL_SHARED_LOCKS_REQUIRED(mu_);
  void PutBetween(List list, std::vector<uint32_t> unranked, std::vector<uint32_t>* order) const;
  std::vector<MemSeries*> RankAllLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const SeriesMap* const map_;
  const HeadIndex* const index_;
  absl::Mutex mu_;  // Guards MemSeries::rank of all series.
  uint32_t max_rank_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace storage
