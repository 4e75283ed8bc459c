// Groups and match groups: which labels of a series count, as bytes to hash.
#pragma once

#include <string>
#include <vector>

#include "promql/operator.h"
#include "storage/base/hash.h"
#include "storage/model/labels.h"

namespace promql {

bool IsMetadataLabel(std::string_view name);  // __name__, __type__, __unit__

// Keeps the labels named (by, on) or all others (without, ignoring).
class LabelPicker {
 public:
  static LabelPicker Only(std::vector<std::string> names) { return {std::move(names), true}; }
  static LabelPicker AllBut(std::vector<std::string> names) { return {std::move(names), false}; }

  // Replaces *out with the canonical bytes of what is kept. Metadata labels count as absent if
  // `hide_metadata`.
  void Pick(model::LabelsView labels, bool hide_metadata, std::string* out) const;
  // Those it was made of, ascending, each once; without those of metadata if `hide_metadata`.
  std::vector<std::string> Names(bool hide_metadata) const;

 private:
  LabelPicker(std::vector<std::string> names, bool keep);
  std::vector<std::string> names_;  // Sorted.
  bool keep_;
};

// Labels without metadata labels, if those are hidden.
model::Labels VisibleLabels(model::LabelsView labels, bool hide_metadata);
std::vector<model::Labels> VisibleLabels(const BorrowedSeries& series);  // Of each.

// Numbers distinct byte strings in the order they come.
class Numbering {
 public:
  // The number of `key`; a new one if it was not there.
  int Number(std::string_view key);
  int size() const { return static_cast<int>(numbers_.size()); }

 private:
  base::StringMap<int> numbers_;
};

}  // namespace promql
