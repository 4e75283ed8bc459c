#include "api/selected_cardinality.h"

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace api {
namespace {

void Keep(size_t limit, std::vector<storage::CardinalityEntry>* entries) {
  const size_t kept = std::min(limit, entries->size());
  std::partial_sort(entries->begin(), entries->begin() + kept, entries->end(),
                    [](const storage::CardinalityEntry& a, const storage::CardinalityEntry& b) {
                      return a.value != b.value ? a.value > b.value : a.name < b.name;
                    });
  entries->resize(kept);
}

}  // namespace

void SelectedCardinality::Add(model::LabelsView labels) {
  for (const auto& [name, value] : labels) ++names_[name][value];
}

storage::Cardinality SelectedCardinality::Top(size_t limit) const {
  storage::Cardinality top;
  for (const auto& [name, values] : names_) {
    uint64_t bytes = 0;
    for (const auto& [value, count] : values) {
      bytes += value.size();
      top.series_by_pair.push_back({fmt::format("{}={}", name, value), count});
      if (name == model::kMetricName) top.series_by_metric.push_back({std::string(value), count});
    }
    top.values_by_label.push_back({std::string(name), values.size()});
    top.bytes_by_label.push_back({std::string(name), bytes});
  }
  for (auto* entries : {&top.series_by_metric, &top.values_by_label, &top.bytes_by_label,
                        &top.series_by_pair}) {
    Keep(limit, entries);
  }
  return top;
}

}  // namespace api
