#include "promql/testing/memory_queryable.h"

#include <algorithm>
#include <iterator>
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
    CopyInside(series_[i]->second.floats, range, out);
    out->histograms = series_[i]->second.histograms.size() > 0;
    return absl::OkStatus();
  }
  absl::Status ReadMixed(int i, model::TimeRange range, chunk::MixedColumns* out) const override {
    if (absl::Status status = Read(i, range, &out->floats); !status.ok()) return status;
    CopyInside(series_[i]->second.histograms, range, &out->histograms);
    return absl::OkStatus();
  }
  absl::Status ReadStarts(int i, model::TimeRange range, model::StartRuns* out) const override {
    const MemoryQueryable::OneSeries& series = series_[i]->second;
    out->clear();
    std::vector<model::TimeMs> times;
    std::merge(series.floats.times.begin(), series.floats.times.end(),
               series.histograms.times.begin(), series.histograms.times.end(),
               std::back_inserter(times));
    for (const model::TimeMs t : times) {
      const auto start = series.starts.find(t);
      if (range.Contains(t)) {
        model::NoteStart(t, start == series.starts.end() ? 0 : start->second, out);
      }
    }
    return absl::OkStatus();
  }

 private:
  template <class Columns>
  static void CopyInside(const Columns& all, model::TimeRange range, Columns* out) {
    const auto begin = std::lower_bound(all.times.begin(), all.times.end(), range.min);
    const auto end = std::upper_bound(begin, all.times.end(), range.max);
    out->times.assign(begin, end);
    const auto first = all.values.begin() + (begin - all.times.begin());
    out->values.assign(first, first + (end - begin));
  }

  const MemoryQueryable* data_;
  std::vector<const Entry*> series_;
};

bool Overlaps(const std::vector<model::TimeMs>& times, model::TimeRange range) {
  return !times.empty() && times.back() >= range.min && times.front() <= range.max;
}

// Puts `value` at time t.
template <class Columns, class Value>
void Put(model::TimeMs t, Value value, Columns* columns) {
  const auto at = std::lower_bound(columns->times.begin(), columns->times.end(), t);
  const auto index = at - columns->times.begin();
  if (at != columns->times.end() && *at == t) {
    columns->values[index] = std::move(value);
    return;
  }
  columns->times.insert(at, t);
  columns->values.insert(columns->values.begin() + index, std::move(value));
}

template <class Columns>
void Remove(model::TimeMs t, Columns* columns) {
  const auto at = std::lower_bound(columns->times.begin(), columns->times.end(), t);
  if (at == columns->times.end() || *at != t) return;
  columns->values.erase(columns->values.begin() + (at - columns->times.begin()));
  columns->times.erase(at);
}

class MemoryQuerier : public storage::Querier {
 public:
  explicit MemoryQuerier(const MemoryQueryable* data) : data_(data) {}

  absl::StatusOr<std::unique_ptr<storage::Selection>> Select(
      const storage::SelectRequest& request) override {
    if (!data_->select_error().ok()) return data_->select_error();
    std::vector<const MemorySelection::Entry*> found;
    for (const auto& entry : data_->series()) {
      if (!Overlaps(entry.second.floats.times, request.range) &&
          !Overlaps(entry.second.histograms.times, request.range)) {
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
  OneSeries& samples = series_[labels];
  samples.starts.erase(t);
  Remove(t, &samples.histograms);
  Put(t, v, &samples.floats);
}

void MemoryQueryable::AddHistogram(const model::Labels& labels, model::TimeMs t,
                                   model::AnyHistogram h) {
  OneSeries& samples = series_[labels];
  samples.starts.erase(t);
  Remove(t, &samples.floats);
  Put(t, std::move(h), &samples.histograms);
}

absl::StatusOr<std::unique_ptr<storage::Querier>> MemoryQueryable::NewQuerier(model::TimeRange) {
  return std::make_unique<MemoryQuerier>(this);
}

}  // namespace promql_test
