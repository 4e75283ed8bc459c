// Samples that came after newer ones of their series. They wait in the order in which they came, each
// with its commit, and are sorted when somebody looks: taking one in costs the same however many
// there are.
#pragma once

#include <cstdint>
#include <vector>

#include "storage/chunk/chunk.h"
#include "storage/head/isolation.h"
#include "storage/model/sample.h"

namespace storage {

struct LateSample {
  model::Sample sample;
  CommitSeq seq = 0;  // 0: everybody sees it.
};

struct LateSamples {
  std::vector<LateSample> all;
  uint32_t flushing = 0;  // So many of the first were given to the flush.
};

// Appends those that `snapshot` sees and `range` holds.
inline void AppendSeen(const std::vector<LateSample>& late, const CommitSnapshot& snapshot,
                       model::TimeRange range, std::vector<model::Sample>* out) {
  for (const LateSample& l : late) {
    if (range.Contains(l.sample.t) && (l.seq == 0 || snapshot.Sees(l.seq))) {
      out->push_back(l.sample);
    }
  }
}

// By time; of several at one time the first that came stays, as in Prometheus.
void SortLate(std::vector<model::Sample>::iterator begin, std::vector<model::Sample>* samples);

}  // namespace storage
