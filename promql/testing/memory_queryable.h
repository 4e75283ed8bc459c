// A Queryable over samples in memory: for tests of the language, without storage.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "storage/model/labels.h"
#include "storage/querier.h"

namespace promql_test {

// Not thread-safe while it is changed. Queriers and Selections read it in place: they must not
// outlive it, and see what is added later.
class MemoryQueryable : public storage::Queryable {
 public:
  // Samples of one series may come in any order; a repeated time replaces the value.
  void Add(const model::Labels& labels, model::TimeMs t, double v);
  // Likewise; what was there at this time, float or histogram, is replaced.
  void AddHistogram(const model::Labels& labels, model::TimeMs t, model::AnyHistogram h);
  // Of the sample at this time, of which there is one.
  void SetStart(const model::Labels& labels, model::TimeMs t, model::TimeMs start) {
    series_[labels].starts[t] = start;
  }
  void Clear() { series_.clear(); }
  size_t num_series() const { return series_.size(); }

  // From now on Select, or Read, answers with this error. OK: no longer.
  void FailSelect(absl::Status status) { select_error_ = std::move(status); }
  void FailRead(absl::Status status) { read_error_ = std::move(status); }

  absl::StatusOr<std::unique_ptr<storage::Querier>> NewQuerier(model::TimeRange range) override;

  struct LabelsLess {
    bool operator()(const model::Labels& a, const model::Labels& b) const { return (a <=> b) < 0; }
  };
  struct OneSeries : chunk::MixedColumns {
    std::map<model::TimeMs, model::TimeMs> starts;  // By the times of samples; others have none.
  };
  using SeriesMap = std::map<model::Labels, OneSeries, LabelsLess>;
  const SeriesMap& series() const { return series_; }
  const absl::Status& select_error() const { return select_error_; }
  const absl::Status& read_error() const { return read_error_; }

 private:
  SeriesMap series_;
  absl::Status select_error_, read_error_;
};

}  // namespace promql_test
