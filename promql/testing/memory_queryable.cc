#include "promql/testing/memory_queryable.h"

#include <algorithm>
#include <set>

namespace promql_test {
namespace {

bool MatchesAll(storage::Matchers matchers, const model::Labels& labels) {
  return std::all_of(matchers.begin(), matchers.end(), [&](const model::Matcher& m) {
    return m.Matches(labels.Get(m.name()));
  });
}

class MemorySelection : public storage::Selection {
 public:
  using Entry = MemoryQueryable::SeriesMap::value_type;
  MemorySelection(const MemoryQueryable* data, std::vector<const Entry*> series)
      : data_(data), series_(std::move(series)) {}

  int size() const override { return static_cast<int>(series_.size()); }
  model::LabelsView labels(int i) const override { return series_[i]->first; }
  absl::Status Read(int i, model::TimeRange range, chunk::SampleColumns* out) const override {
    if (!data_->read_error().ok()) return data_->read_error();
    out->clear();
    const chunk::SampleColumns& all = series_[i]->second;
    const auto begin = std::lower_bound(all.times.begin(), all.times.end(), range.min);
    const auto end = std::upper_bound(begin, all.times.end(), range.max);
    out->times.assign(begin, end);
    const auto first = all.values.begin() + (begin - all.times.begin());
    out->values.assign(first, first + (end - begin));
    return absl::OkStatus();
  }

 private:
  const MemoryQueryable* data_;
  std::vector<const Entry*> series_;
};

class MemoryQuerier : public storage::Querier {
 public:
  explicit MemoryQuerier(const MemoryQueryable* data) : data_(data) {}

  absl::StatusOr<std::unique_ptr<storage::Selection>> Select(
      const storage::SelectRequest& request) override {
    if (!data_->select_error().ok()) return data_->select_error();
    std::vector<const MemorySelection::Entry*> found;
    for (const auto& entry : data_->series()) {
      const auto& times = entry.second.times;
      if (times.empty() || times.back() < request.range.min || times.front() > request.range.max) {
        continue;
      }
      if (MatchesAll(request.matchers, entry.first)) found.push_back(&entry);
    }
    return std::make_unique<MemorySelection>(data_, std::move(found));
  }

  absl::StatusOr<std::vector<std::string>> LabelNames(storage::Matchers matchers,
                                                      size_t limit) override {
    std::set<std::string> names;
    for (const auto& [labels, samples] : data_->series()) {
      if (!MatchesAll(matchers, labels)) continue;
      for (const model::Label& label : labels) names.emplace(label.name);
    }
    return Cut(names, limit);
  }

  absl::StatusOr<std::vector<std::string>> LabelValues(std::string_view name,
                                                       storage::Matchers matchers,
                                                       size_t limit) override {
    std::set<std::string> values;
    for (const auto& [labels, samples] : data_->series()) {
      if (MatchesAll(matchers, labels) && labels.Has(name)) values.emplace(labels.Get(name));
    }
    return Cut(values, limit);
  }

 private:
  static std::vector<std::string> Cut(const std::set<std::string>& all, size_t limit) {
    std::vector<std::string> out(all.begin(), all.end());
    if (limit != 0 && out.size() > limit) out.resize(limit);
    return out;
  }

  const MemoryQueryable* data_;
};

}  // namespace

void MemoryQueryable::Add(const model::Labels& labels, model::TimeMs t, double v) {
  chunk::SampleColumns& samples = series_[labels];
  const auto at = std::lower_bound(samples.times.begin(), samples.times.end(), t);
  const auto index = at - samples.times.begin();
  if (at != samples.times.end() && *at == t) {
    samples.values[index] = v;
    return;
  }
  samples.times.insert(at, t);
  samples.values.insert(samples.values.begin() + index, v);
}

absl::StatusOr<std::unique_ptr<storage::Querier>> MemoryQueryable::NewQuerier(model::TimeRange) {
  return std::make_unique<MemoryQuerier>(this);
}

}  // namespace promql_test
