#include "promql/functions/bucket_groups.h"

#include <algorithm>
#include <cmath>

#include "promql/operators/label_picker.h"
#include "promql/quantile.h"
#include "storage/base/hash.h"
#include "storage/model/number_text.h"

namespace promql {
namespace {

constexpr std::string_view kBucketLabel = "le";

void AppendVisible(model::LabelsView labels, bool hide_metadata, bool with_bucket,
                   std::string* out) {
  out->clear();
  for (const model::Label& label : labels) {
    if (hide_metadata && IsMetadataLabel(label.name)) continue;
    if (with_bucket || label.name != kBucketLabel) {
      model::AppendLabel(out, label.name, label.value);
    }
  }
}

// One for each group and each series that is not of the same labels as a group.
void MakeUnits(BucketGroups* groups, std::vector<int> group_last, const std::vector<int>& twin) {
  for (size_t i = 0; i < twin.size(); ++i) {
    if (twin[i] >= 0) group_last[twin[i]] = std::max(group_last[twin[i]], static_cast<int>(i));
  }
  groups->units.reserve(groups->labels.size() + groups->series.size());
  for (size_t g = 0; g < group_last.size(); ++g) {
    groups->units.push_back({static_cast<int>(g), -1, group_last[g]});
  }
  for (size_t i = 0; i < twin.size(); ++i) {
    const auto index = static_cast<int>(i);
    if (twin[i] >= 0) {
      groups->units[twin[i]].native = index;
    } else {
      groups->units.push_back({-1, index, index});
    }
  }
  std::stable_sort(groups->units.begin(), groups->units.end(),
                   [](const auto& a, const auto& b) { return a.last < b.last; });
  for (size_t u = 0; u < groups->units.size(); ++u) {
    const BucketGroups::Unit& unit = groups->units[u];
    if (unit.native >= 0) groups->series[unit.native].unit = static_cast<int>(u);
  }
}

}  // namespace

BucketGroups GroupBuckets(const BorrowedSeries& input) {
  BucketGroups groups;
  const size_t n = input.labels.size();
  groups.series.resize(n);
  base::StringMap<int> known;
  std::vector<int> last, twin(n, -1), without_bucket;
  std::string key;
  for (size_t i = 0; i < n; ++i) {
    const model::LabelsView labels = input.labels[i];
    const std::string_view text = labels.Get(kBucketLabel);
    const std::optional<double> bound = model::ParseFloat(text, /*underscores=*/true);
    if (text.empty()) without_bucket.push_back(static_cast<int>(i));
    if (!bound.has_value()) continue;
    BucketGroups::Series& series = groups.series[i];
    series.upper_bound = *bound;
    AppendVisible(labels, input.hide_metadata, /*with_bucket=*/false, &key);
    const auto [it, added] = known.try_emplace(key, static_cast<int>(groups.labels.size()));
    series.group = it->second;
    if (added) {
      groups.labels.push_back(model::Labels::FromCanonical(key));
      last.push_back(0);
    }
    last[series.group] = static_cast<int>(i);
  }
  for (const int i : without_bucket) {
    if (known.empty()) break;
    AppendVisible(input.labels[i], input.hide_metadata, /*with_bucket=*/true, &key);
    const auto it = known.find(key);
    if (it != known.end()) twin[i] = it->second;
  }
  MakeUnits(&groups, std::move(last), twin);
  return groups;
}

bool HasEqualBounds(const BucketGroups& groups) {
  std::vector<std::pair<int, double>> bounds;
  for (const BucketGroups::Series& series : groups.series) {
    if (series.group < 0) continue;
    if (std::isnan(series.upper_bound)) return true;  // Equal to whatever is beside it.
    bounds.emplace_back(series.group, series.upper_bound);
  }
  std::sort(bounds.begin(), bounds.end());
  return std::adjacent_find(bounds.begin(), bounds.end()) != bounds.end();
}

void HeldRows::Add(int group, double upper_bound, const Row& row) {
  Held held;
  if (!free_.empty()) {
    held = std::move(free_.back());
    free_.pop_back();
  }
  held.upper_bound = upper_bound;
  held.values.assign(row.values, row.values + row.steps);
  held.present.assign(row.present, row.present + (row.steps + 63) / 64);
  groups_[group].push_back(std::move(held));
}

const std::vector<HeldRows::Held>& HeldRows::Sorted(int group) {
  std::vector<Held>& rows = groups_[group];
  std::stable_sort(rows.begin(), rows.end(), [](const Held& a, const Held& b) {
    return NanFirst(a.upper_bound, b.upper_bound);
  });
  return rows;
}

void HeldRows::Drop(int group) {
  for (Held& held : groups_[group]) free_.push_back(std::move(held));
  groups_[group].clear();
  groups_[group].shrink_to_fit();
}

}  // namespace promql
