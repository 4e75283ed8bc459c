#include "storage/head/series_limits.h"

#include <chrono>

namespace storage {
namespace {
constexpr std::string_view kJob = "job";

int64_t SteadyMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}

// The index's references on a pair are the series that carry it: every series the head holds has
// one, listed or not, and gives it back when it is forgotten.
bool SeriesLimits::Reached(model::LabelsView labels, uint64_t now, SeriesLimit* limit) const {
  *limit = SeriesLimit::kTotal;
  if (options_.max_series > 0 && now >= options_.max_series) return true;
  const auto full = [&](uint64_t most, std::string_view name) {
    if (most == 0) return false;
    const std::string_view value = labels.Get(name);
    return !value.empty() && index_->NumHolders(name, value) >= most;
  };
  *limit = SeriesLimit::kPerJob;
  if (full(options_.max_series_per_job, kJob)) return true;
  *limit = SeriesLimit::kPerMetric;
  if (full(options_.max_series_per_metric, model::kMetricName)) return true;
  *limit = SeriesLimit::kMemory;
  return admission_ != nullptr && admission_->closed(Admission::Gate::kNewSeries);
}

bool SeriesLimits::Refuse(model::LabelsView labels, uint64_t now) {
  SeriesLimit limit;
  if (!Reached(labels, now, &limit)) return false;
  refused_[static_cast<size_t>(limit)].fetch_add(1, std::memory_order_relaxed);
  absl::MutexLock lock(&mu_);
  sketch_.Note(labels, SteadyMs());
  return true;
}

SeriesLimitReport SeriesLimits::Report(uint64_t now) const {
  SeriesLimitReport report;
  for (size_t i = 0; i < report.entries.size(); ++i) {
    report.entries[i].refused = refused_[i].load(std::memory_order_relaxed);
  }
  const auto at = [&](SeriesLimit limit) -> SeriesLimitReport::Entry& {
    return report.entries[static_cast<size_t>(limit)];
  };
  at(SeriesLimit::kTotal).limit = options_.max_series;
  at(SeriesLimit::kTotal).current = now;
  at(SeriesLimit::kMemory).current = now;
  const auto fullest = [&](SeriesLimit limit, uint64_t most, std::string_view name) {
    SeriesLimitReport::Entry& entry = at(limit);
    entry.limit = most;
    CardinalityEntry value = index_->FullestValue(name);
    entry.current = value.value;
    entry.fullest = std::move(value.name);
  };
  fullest(SeriesLimit::kPerJob, options_.max_series_per_job, kJob);
  fullest(SeriesLimit::kPerMetric, options_.max_series_per_metric, model::kMetricName);
  absl::MutexLock lock(&mu_);
  report.culprits = sketch_.Culprits(SteadyMs());
  return report;
}

}  // namespace storage
