#include "promql/operators/match_groups.h"

#include <utility>

#include "promql/operators/label_picker.h"

namespace promql {
namespace {

LabelPicker MakePicker(const VectorMatching& matching) {
  std::vector<std::string> names = matching.labels;
  if (matching.on) return LabelPicker::Only(std::move(names));
  names.emplace_back(model::kMetricName);
  return LabelPicker::AllBut(std::move(names));
}

}  // namespace

MatchGroups MatchSeries(const VectorMatching& matching, const BorrowedSeries& lhs,
                        const BorrowedSeries& rhs) {
  const LabelPicker picker = MakePicker(matching);
  Numbering numbering;
  std::string key;
  const auto number = [&](const BorrowedSeries& series) {
    std::vector<int> groups;
    groups.reserve(series.labels.size());
    for (const model::LabelsView labels : series.labels) {
      picker.Pick(labels, series.hide_metadata, &key);
      groups.push_back(numbering.Number(key));
    }
    return groups;
  };
  MatchGroups groups;
  groups.lhs = number(lhs);
  groups.rhs = number(rhs);
  groups.count = numbering.size();
  return groups;
}

model::Labels MatchLabels(const VectorMatching& matching, model::LabelsView labels,
                          bool hide_metadata) {
  std::string key;
  MakePicker(matching).Pick(labels, hide_metadata, &key);
  return model::Labels::FromCanonical(std::move(key));
}

}  // namespace promql
