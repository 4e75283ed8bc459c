#include "promql/operators/label_picker.h"

#include <algorithm>
#include <utility>

#include "storage/base/random_seed.h"

namespace promql {

bool IsMetadataLabel(std::string_view name) {
  if (!name.starts_with("__")) return false;
  return name == model::kMetricName || name == "__type__" || name == "__unit__";
}

LabelPicker::LabelPicker(std::vector<std::string> names, bool keep)
    : names_(std::move(names)), keep_(keep) {
  std::sort(names_.begin(), names_.end());
  names_.erase(std::unique(names_.begin(), names_.end()), names_.end());
}

void LabelPicker::Pick(model::LabelsView labels, bool hide_metadata, std::string* out) const {
  out->clear();
  if (keep_ && names_.empty()) return;
  auto name = names_.begin();
  for (const model::Label& label : labels) {
    while (name != names_.end() && *name < label.name) ++name;
    const bool named = name != names_.end() && *name == label.name;
    if (named != keep_) {
      if (keep_ && name == names_.end()) return;
      continue;
    }
    if (hide_metadata && IsMetadataLabel(label.name)) continue;
    model::AppendLabel(out, label.name, label.value);
  }
}

std::vector<std::string> LabelPicker::Names(bool hide_metadata) const {
  std::vector<std::string> names = names_;
  if (hide_metadata) std::erase_if(names, IsMetadataLabel);
  return names;
}

model::Labels VisibleLabels(model::LabelsView labels, bool hide_metadata) {
  if (!hide_metadata) return model::Labels(labels);
  std::string kept;
  kept.reserve(labels.bytes().size());
  for (const model::Label& label : labels) {
    if (!IsMetadataLabel(label.name)) model::AppendLabel(&kept, label.name, label.value);
  }
  return model::Labels::FromCanonical(std::move(kept));
}

std::vector<model::Labels> VisibleLabels(const BorrowedSeries& series) {
  std::vector<model::Labels> visible;
  visible.reserve(series.labels.size());
  for (const model::LabelsView labels : series.labels) {
    visible.push_back(VisibleLabels(labels, series.hide_metadata));
  }
  return visible;
}

int Numbering::Number(std::string_view key) {
  static const uint64_t seed = base::RandomSeed();
  const base::Hash128 hash = base::HashBytes128(key, seed);
  return *numbers_.lazy_emplace(hash, [&](const auto& make) {
    hashes_.push_back(hash);
    make(size() - 1);
  });
}

}  // namespace promql
