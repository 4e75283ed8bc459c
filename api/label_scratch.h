// Labels of one series after the other, as remote write brings them.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "storage/model/labels.h"

namespace api {

// Turns pairs into canonical bytes. What Add is given must stay until the end.
class LabelScratch {
 public:
  void Clear() {
    bytes_.clear();
    last_name_ = {};
    valid_ = sorted_ = true;
    pairs_.clear();
  }

  void Add(std::string_view name, std::string_view value) {
    pairs_.push_back({name, value});
    if (!sorted_) return;
    if (name <= last_name_) {  // Also the empty name, which is never valid.
      sorted_ = false;
      return;
    }
    last_name_ = name;
    valid_ = valid_ && model::IsValidUtf8(name) && model::IsValidUtf8(value);
    if (!value.empty()) model::AppendLabel(&bytes_, name, value);
  }

  // False when the labels cannot name a series. Call once, after the last Add.
  bool Finish() {
    if (!sorted_) Sort();
    return valid_;
  }
  model::LabelsView labels() const { return model::LabelsView(bytes_); }
  bool has_name() const { return labels().Has(model::kMetricName); }

  // All that came, by name, also what no series can have.
  std::string ToText() const {
    std::vector<model::Label> sorted = pairs_;
    std::stable_sort(sorted.begin(), sorted.end(), ByName);
    std::string bytes;
    for (const model::Label& pair : sorted) model::AppendLabel(&bytes, pair.name, pair.value);
    return model::LabelsView(bytes).ToString();
  }

  // When Finish said no because a name comes twice, and all else is good: that name. Else empty.
  std::string_view Duplicated() const {
    std::string_view twice;
    bool has_name = false;
    for (size_t i = 0; i < pairs_.size(); ++i) {
      const auto& [name, value] = pairs_[i];
      if (name.empty() || !model::IsValidUtf8(name) || !model::IsValidUtf8(value)) return {};
      has_name = has_name || (name == model::kMetricName && !value.empty());
      if (twice.empty() && i > 0 && name == pairs_[i - 1].name) twice = name;  // Finish sorted them.
    }
    return has_name ? twice : std::string_view();
  }

 private:
  static bool ByName(const model::Label& a, const model::Label& b) { return a.name < b.name; }

  // The slow way, for senders that do not sort.
  void Sort() {
    std::stable_sort(pairs_.begin(), pairs_.end(), ByName);
    bytes_.clear();
    valid_ = true;
    std::string_view last;
    for (const model::Label& pair : pairs_) {
      if (pair.name <= last || !model::IsValidUtf8(pair.name) ||
          !model::IsValidUtf8(pair.value)) {
        valid_ = false;
        return;
      }
      last = pair.name;
      if (!pair.value.empty()) model::AppendLabel(&bytes_, pair.name, pair.value);
    }
  }

  std::string bytes_;
  std::vector<model::Label> pairs_;  // Into the message, as they came.
  std::string_view last_name_;
  bool sorted_ = true, valid_ = true;
};

}  // namespace api
