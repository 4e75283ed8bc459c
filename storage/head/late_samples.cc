#include "storage/head/late_samples.h"

#include <algorithm>

namespace storage {

void SortLate(std::vector<model::Sample>::iterator begin, std::vector<model::Sample>* samples) {
  std::stable_sort(begin, samples->end(),
                   [](const model::Sample& a, const model::Sample& b) { return a.t < b.t; });
  samples->erase(std::unique(begin, samples->end(),
                             [](const model::Sample& a, const model::Sample& b) { return a.t == b.t; }),
                 samples->end());
}

}  // namespace storage
