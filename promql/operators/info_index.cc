#include "promql/operators/info_index.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "promql/operators/label_picker.h"
#include "promql/operators/select.h"
#include "promql/operators/table.h"
#include "storage/base/status.h"

namespace promql {
namespace {

bool IsPositive(const model::Matcher& m) {
  return m.type() == model::MatchType::kEqual || m.type() == model::MatchType::kRegex;
}

bool MatchesAll(const std::vector<model::Matcher>& matchers, std::string_view value) {
  return std::ranges::all_of(matchers,
                             [&](const model::Matcher& m) { return m.Matches(value); });
}

// An error if a histogram is the newest sample in a window. Else stale ones join the floats.
absl::Status CheckFloats(const WindowGrid& windows, model::LabelsView labels,
                         chunk::MixedColumns* samples) {
  chunk::SampleColumns all;
  size_t f = 0, h = 0;
  while (f < samples->floats.size() || h < samples->histograms.size()) {
    const bool is_float =
        h == samples->histograms.size() ||
        (f < samples->floats.size() && samples->floats.times[f] < samples->histograms.times[h]);
    all.times.push_back(is_float ? samples->floats.times[f] : samples->histograms.times[h]);
    const bool stale = is_float ? model::IsStaleNan(samples->floats.values[f])
                                : model::IsStale(samples->histograms.values[h]);
    all.values.push_back(stale ? model::StaleNan() : is_float ? 0 : 1);
    ++(is_float ? f : h);
  }
  Tile tile;
  tile.Reset(windows.steps);
  const Row row = tile.AddRow(0);
  LayNewest(all, windows, SelectValue::kSample, row);
  for (int i = 0; i < row.steps; ++i) {
    if (!row.has(i) || row.values[i] == 0) continue;
    return base::Aborted("this should be an info metric, with float samples: {}",
                         model::Labels(labels).ToString());
  }
  std::swap(samples->floats, all);
  return absl::OkStatus();
}

}  // namespace

InfoRules::InfoRules(const Expr& call) {
  if (call.args.size() > 1) {
    for (const model::Matcher& m : call.args[1]->matchers) {
      (m.name() == model::kMetricName ? names_ : data_).push_back(m);
    }
  }
  for (const model::Matcher& m : data_) {
    data_names_.insert(m.name());
    keeps_unmatched_ &= m.matches_empty();
  }
  if (names_.empty()) {
    names_.push_back(model::Matcher::Equal(std::string(model::kMetricName), "target_info"));
  } else if (std::ranges::none_of(names_, IsPositive)) {
    names_.push_back(*model::Matcher::Create(model::MatchType::kRegex,
                                             std::string(model::kMetricName), ".+_info"));
  }
}

bool InfoRules::IsInfoSeries(const model::Labels& series) const {
  return MatchesAll(names_, series.Get(model::kMetricName));
}

model::Labels InfoRules::Enrich(const model::Labels& base,
                                const std::vector<model::LabelsView>& infos,
                                std::string* conflict) const {
  if (infos.empty()) return base;
  model::LabelsBuilder builder(base.view());
  for (const model::LabelsView info : infos) {
    for (const model::Label& label : info) {
      if (label.name == model::kMetricName || base.Has(label.name)) continue;
      if (!data_names_.empty() && !data_names_.contains(label.name)) continue;
      const std::string_view before = builder.Get(label.name);
      if (!before.empty() && before != label.value) *conflict = label.name;
      builder.Set(label.name, label.value);
    }
  }
  return builder.Build();
}

absl::Status InfoIndex::Load(Context& context, const WindowGrid& windows, const InfoRules& rules,
                             const std::vector<model::Labels>& base) {
  const LabelPicker identity =
      LabelPicker::Only({std::begin(kIdentifyingLabels), std::end(kIdentifyingLabels)});
  Numbering targets, names;
  std::string key;
  for (const model::Labels& labels : base) {
    identity.Pick(labels.view(), false, &key);
    const int target = targets.Number(key);
    targets_.resize(targets.size());
    const bool is_info = rules.IsInfoSeries(labels);
    target_of_base_.push_back(is_info ? -1 : target);
    targets_[target].wanted |= !is_info;
  }
  RETURN_IF_ERROR(Select(context, windows, rules, base));

  const int steps = windows.steps;
  std::map<std::pair<int, int>, Newest> newest;  // By target and name.
  Tile tile;
  for (int i = 0; infos_ != nullptr && i < infos_->size(); ++i) {
    tile.Reset(steps);
    const Row row = tile.AddRow(0);
    RETURN_IF_ERROR(LayTimes(context, windows, i, row));
    if (!HasAny(row)) continue;
    const model::LabelsView labels = infos_->labels(i);
    identity.Pick(labels, false, &key);
    Newest& best = newest[{targets.Number(key), names.Number(labels.Get(model::kMetricName))}];
    if (best.series.empty()) {
      RETURN_IF_ERROR(context.Charge(2 * steps));
      charged_ += 2 * steps;
      best.series.assign(steps, -1);
      best.times.assign(steps, 0);
    }
    TakeNewer(row, i, &best);
  }

  targets_.resize(targets.size());
  std::vector<std::vector<const std::vector<int>*>> of_target(targets_.size());
  for (const auto& [at, best] : newest) of_target[at.first].push_back(&best.series);
  for (size_t t = 0; t < targets_.size(); ++t) {
    if (targets_[t].wanted) Settle(static_cast<int>(t), of_target[t], steps);
  }
  return absl::OkStatus();
}

// Lays the times of an info series' samples on the grid.
absl::Status InfoIndex::LayTimes(Context& context, const WindowGrid& windows, int series,
                                 Row row) {
  RETURN_IF_ERROR(context.Check());
  const absl::Status read = infos_->ReadMixed(series, windows.reach(), &samples_);
  if (!read.ok()) return base::Annotate(read, "expanding series");
  if (samples_.histograms.size() > 0) {
    RETURN_IF_ERROR(CheckFloats(windows, infos_->labels(series), &samples_));
  }
  LayNewest(samples_.floats, windows, SelectValue::kTimestamp, row);
  for (int s = 0; s < row.steps; ++s) context.samples->Add(s, row.has(s));
  return absl::OkStatus();
}

void InfoIndex::TakeNewer(const Row& times, int series, Newest* best) {
  for (int s = 0; s < times.steps; ++s) {
    if (!times.has(s)) continue;
    if (best->series[s] >= 0 && best->times[s] == times.values[s]) {
      clashes_.resize(times.steps);
      if (clashes_[s].first < 0) {
        clashes_[s] = {best->series[s], series, std::llround(times.values[s] * 1000)};
      }
    } else if (best->series[s] < 0 || best->times[s] < times.values[s]) {
      best->series[s] = series;
      best->times[s] = times.values[s];
    }
  }
}

// Selects the info series whose instance and job, each by itself, a series of `base` has.
absl::Status InfoIndex::Select(Context& context, const WindowGrid& windows, const InfoRules& rules,
                               const std::vector<model::Labels>& base) {
  std::vector<model::Matcher> matchers = rules.names();
  matchers.insert(matchers.end(), rules.data().begin(), rules.data().end());
  bool identified = false;
  for (const std::string_view name : kIdentifyingLabels) {
    std::set<std::string, std::less<>> values;
    for (size_t b = 0; b < base.size(); ++b) {
      if (target_of_base_[b] < 0 || !base[b].Has(name)) continue;
      if (const std::string_view value = base[b].Get(name); !values.contains(value)) {
        values.emplace(value);
      }
    }
    if (values.empty()) continue;
    identified = true;
    matchers.push_back(model::Matcher::AnyOf(std::string(name), {values.begin(), values.end()}));
  }
  if (!identified) return absl::OkStatus();
  RETURN_IF_ERROR(context.Check());
  auto selected = context.querier->Select({matchers, windows.reach()});
  if (!selected.ok()) return base::Annotate(selected.status(), "expanding series");
  infos_ = *std::move(selected);
  return absl::OkStatus();
}

// Finds the distinct sets of a target out of the newest series of each name.
void InfoIndex::Settle(int target, const std::vector<const std::vector<int>*>& newest, int steps) {
  Target& result = targets_[target];
  std::map<std::vector<int>, int> numbers;
  std::vector<int> set;
  int last = -1;
  for (int s = 0; s < steps; ++s) {
    std::vector<int> now;
    for (const std::vector<int>* series : newest) {
      if ((*series)[s] >= 0) now.push_back((*series)[s]);
    }
    if (last < 0 || now != set) {
      set = std::move(now);
      const auto [it, added] = numbers.try_emplace(set, static_cast<int>(result.sets.size()));
      if (added) result.sets.push_back(set);
      last = it->second;
      // The first change: all steps so far had set 0.
      if (last > 0 && result.set_of_step.empty()) result.set_of_step.assign(steps, 0);
    }
    if (!result.set_of_step.empty()) result.set_of_step[s] = last;
  }
}

void InfoIndex::Release(Context& context) { context.Release(std::exchange(charged_, 0)); }

int InfoIndex::num_sets(int base) const {
  const int target = target_of_base_[base];
  return target < 0 ? 0 : static_cast<int>(targets_[target].sets.size());
}

std::vector<model::LabelsView> InfoIndex::Set(int base, int set) const {
  std::vector<model::LabelsView> labels;
  for (const int series : targets_[target_of_base_[base]].sets[set]) {
    labels.push_back(infos_->labels(series));
  }
  return labels;
}

const int* InfoIndex::SetOfStep(int base) const {
  const int target = target_of_base_[base];
  if (target < 0 || targets_[target].set_of_step.empty()) return nullptr;
  return targets_[target].set_of_step.data();
}

absl::Status InfoIndex::CheckUnique(const Row& row) const {
  for (size_t s = 0; s < clashes_.size(); ++s) {
    const Clash& clash = clashes_[s];
    if (clash.first < 0 || !row.has(static_cast<int>(s))) continue;
    return base::Aborted("found duplicate series for info metric: existing {} @ {}, new {} @ {}",
                         model::Labels(infos_->labels(clash.first)).ToString(), clash.t,
                         model::Labels(infos_->labels(clash.second)).ToString(), clash.t);
  }
  return absl::OkStatus();
}

}  // namespace promql
