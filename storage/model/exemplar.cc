#include "storage/model/exemplar.h"

#include <algorithm>

namespace model {

std::strong_ordering Compare(const Exemplar& a, const Exemplar& b) {
  if (const auto order = a.t <=> b.t; order != 0) return order;
  if (const auto order = std::strong_order(a.value, b.value); order != 0) return order;
  return a.labels <=> b.labels;
}

void SortUnique(std::vector<Exemplar>* exemplars) {
  const auto less = [](const Exemplar& a, const Exemplar& b) { return Compare(a, b) < 0; };
  if (!std::is_sorted(exemplars->begin(), exemplars->end(), less)) {
    std::sort(exemplars->begin(), exemplars->end(), less);
  }
  const auto same = [](const Exemplar& a, const Exemplar& b) { return Compare(a, b) == 0; };
  exemplars->erase(std::unique(exemplars->begin(), exemplars->end(), same), exemplars->end());
}

}  // namespace model
