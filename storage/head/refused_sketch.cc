#include "storage/head/refused_sketch.h"

#include <algorithm>
#include <cmath>

namespace storage {

void DistinctSketch::Add(uint64_t hash) {
  const size_t place = hash >> (64 - kBits);
  const auto rank = static_cast<uint8_t>(std::countl_zero(hash << kBits | 1) + 1);
  ranks_[place] = std::max(ranks_[place], rank);
}

void DistinctSketch::Merge(const DistinctSketch& other) {
  for (size_t i = 0; i < ranks_.size(); ++i) ranks_[i] = std::max(ranks_[i], other.ranks_[i]);
}

// HyperLogLog, and linear counting while many places are empty.
double DistinctSketch::Estimate() const {
  const auto m = static_cast<double>(ranks_.size());
  double sum = 0;
  int empty = 0;
  for (const uint8_t rank : ranks_) {
    sum += std::ldexp(1.0, -rank);
    empty += rank == 0;
  }
  const double estimate = 0.7213 / (1 + 1.079 / m) * m * m / sum;
  return estimate <= 2.5 * m && empty > 0 ? m * std::log(m / empty) : estimate;
}

// A window that is full of metrics gives up the one with fewest samples.
RefusedSketch::Metric* RefusedSketch::Find(Window* window, std::string_view name, bool make) {
  for (Metric& metric : *window) {
    if (metric.name == name) return &metric;
  }
  if (!make) return nullptr;
  if (window->size() >= kMetrics) {
    const auto fewest = [](const Metric& a, const Metric& b) { return a.samples < b.samples; };
    window->erase(std::min_element(window->begin(), window->end(), fewest));
  }
  return &window->emplace_back(Metric{.name = std::string(name)});
}

RefusedSketch::Label* RefusedSketch::Find(Metric* metric, std::string_view name) {
  for (Label& label : metric->labels) {
    if (label.name == name) return &label;
  }
  if (metric->labels.size() >= kLabels) return nullptr;
  return &metric->labels.emplace_back(Label{.name = std::string(name)});
}

void RefusedSketch::Note(model::LabelsView labels, int64_t now_ms) {
  if (now_ms - began_ms_ >= kWindowMs) {
    previous_ = now_ms - began_ms_ < 2 * kWindowMs ? std::move(current_) : Window();
    current_.clear();
    began_ms_ = now_ms;
  }
  Metric* metric = Find(&current_, labels.Get(model::kMetricName), /*make=*/true);
  ++metric->samples;
  metric->series.Add(base::Hash64(labels.bytes()));
  for (const model::Label label : labels) {
    if (label.name == model::kMetricName) continue;
    if (Label* kept = Find(metric, label.name)) kept->values.Add(base::Hash64(label.value));
  }
}

std::vector<Culprit> RefusedSketch::Culprits(int64_t now_ms) const {
  Window merged;
  if (now_ms - began_ms_ < 2 * kWindowMs) merged = current_;
  if (now_ms - began_ms_ < kWindowMs) {
    for (const Metric& earlier : previous_) {
      const auto same = [&](const Metric& m) { return m.name == earlier.name; };
      const auto found = std::find_if(merged.begin(), merged.end(), same);
      if (found == merged.end()) {
        merged.push_back(earlier);
        continue;
      }
      found->samples += earlier.samples;
      found->series.Merge(earlier.series);
      for (const Label& label : earlier.labels) {
        if (Label* kept = Find(&*found, label.name)) kept->values.Merge(label.values);
      }
    }
  }
  std::vector<Culprit> out;
  for (const Metric& metric : merged) {
    Culprit& culprit = out.emplace_back();
    culprit.metric = metric.name;
    culprit.refused_samples = metric.samples;
    culprit.refused_series = static_cast<uint64_t>(std::llround(metric.series.Estimate()));
    for (const Label& label : metric.labels) {
      const auto values = static_cast<uint64_t>(std::llround(label.values.Estimate()));
      if (values <= culprit.distinct_values) continue;
      culprit.distinct_values = values;
      culprit.label = label.name;
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const Culprit& a, const Culprit& b) {
    return a.refused_series > b.refused_series;
  });
  return out;
}

}  // namespace storage
