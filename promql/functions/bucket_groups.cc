#include "promql/functions/bucket_groups.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <absl/container/flat_hash_map.h>

#include "promql/quantile.h"
#include "storage/model/number_text.h"

namespace promql {
namespace {

constexpr std::string_view kBucketLabel = "le";

model::Labels WithoutBucketLabel(const model::Labels& labels) {
  std::string kept;
  for (const model::Label& label : labels) {
    if (label.name != kBucketLabel) model::AppendLabel(&kept, label.name, label.value);
  }
  return model::Labels::FromCanonical(std::move(kept));
}

// Renumbers groups by their last member.
void OrderByCompletion(BucketGroups* groups) {
  std::vector<int> order(groups->labels.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int a, int b) { return groups->last_member[a] < groups->last_member[b]; });
  std::vector<int> place(order.size());
  BucketGroups ordered;
  for (size_t i = 0; i < order.size(); ++i) {
    place[order[i]] = static_cast<int>(i);
    ordered.labels.push_back(std::move(groups->labels[order[i]]));
    ordered.last_member.push_back(groups->last_member[order[i]]);
  }
  for (BucketGroups::Series& series : groups->series) {
    if (series.group >= 0) series.group = place[series.group];
  }
  groups->labels = std::move(ordered.labels);
  groups->last_member = std::move(ordered.last_member);
}

}  // namespace

BucketGroups GroupBuckets(const std::vector<model::Labels>& input) {
  BucketGroups groups;
  groups.series.resize(input.size());
  absl::flat_hash_map<model::Labels, int, std::hash<model::Labels>> known;
  for (size_t i = 0; i < input.size(); ++i) {
    BucketGroups::Series& series = groups.series[i];
    const std::string_view text = input[i].Get(kBucketLabel);
    const std::optional<double> bound = model::ParseFloat(text, /*underscores=*/true);
    if (!bound.has_value()) {
      series.bad_label = text;
      series.metric_name = input[i].MetricName();
      continue;
    }
    series.upper_bound = *bound;
    const auto [it, added] =
        known.try_emplace(WithoutBucketLabel(input[i]), static_cast<int>(groups.labels.size()));
    series.group = it->second;
    if (added) {
      groups.labels.push_back(it->first);
      groups.last_member.push_back(0);
    }
    groups.last_member[series.group] = static_cast<int>(i);
  }
  OrderByCompletion(&groups);
  return groups;
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
