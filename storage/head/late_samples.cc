#include "storage/head/late_samples.h"

#include <algorithm>

namespace storage {

void SortLate(std::vector<LateSample>::iterator begin, std::vector<LateSample>* samples) {
  std::stable_sort(begin, samples->end(), [](const LateSample& a, const LateSample& b) {
    return a.sample.t < b.sample.t;
  });
  samples->erase(std::unique(begin, samples->end(),
                             [](const LateSample& a, const LateSample& b) {
                               return a.sample.t == b.sample.t;
                             }),
                 samples->end());
}

}  // namespace storage
