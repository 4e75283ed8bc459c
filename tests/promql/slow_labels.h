// Labels of the slow evaluator: sets of pairs, picked by name.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "storage/model/labels.h"

namespace promql {

inline model::Labels Without(const model::Labels& labels, std::set<std::string> names) {
  std::vector<model::Labels::Pair> kept;
  for (const model::Label& l : labels) {
    if (!names.contains(std::string(l.name))) kept.emplace_back(l.name, l.value);
  }
  return model::Labels::FromPairs(kept);
}

inline model::Labels Only(const model::Labels& labels, std::set<std::string> names) {
  std::vector<model::Labels::Pair> kept;
  for (const model::Label& l : labels) {
    if (names.contains(std::string(l.name))) kept.emplace_back(l.name, l.value);
  }
  return model::Labels::FromPairs(kept);
}

inline model::Labels Nameless(const model::Labels& labels) { return Without(labels, {"__name__"}); }

}  // namespace promql
