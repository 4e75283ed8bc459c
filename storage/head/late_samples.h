// Samples that came after newer ones of their series. They wait in the order in which they came, each
// with its commit, and are sorted when somebody looks: taking one in costs the same however many
// there are.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "storage/chunk/chunk.h"
#include "storage/head/isolation.h"
#include "storage/model/histogram.h"
#include "storage/model/sample.h"

namespace storage {

using HistogramPtr = std::shared_ptr<const model::AnyHistogram>;

struct LateSample {
  model::Sample sample;    // Of a histogram its fingerprint.
  CommitSeq seq = 0;       // 0: everybody sees it.
  HistogramPtr histogram;  // Null for floats.
  model::TimeMs start = 0;
};

struct LateSamples {
  std::vector<LateSample> all;
  uint32_t flushing = 0;  // So many of the first were given to the flush.
};

// Appends those that `snapshot` sees and `range` holds.
inline void AppendSeen(const std::vector<LateSample>& late, const CommitSnapshot& snapshot,
                       model::TimeRange range, std::vector<LateSample>* out) {
  for (const LateSample& l : late) {
    if (range.Contains(l.sample.t) && (l.seq == 0 || snapshot.Sees(l.seq))) {
      out->push_back(l);
    }
  }
}

// By time; of several at one time the first that came stays, as in Prometheus.
void SortLate(std::vector<LateSample>::iterator begin, std::vector<LateSample>* samples);

}  // namespace storage
