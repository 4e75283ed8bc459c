#include "server/rules/testing/test_store.h"

#include <bit>
#include <optional>
#include <variant>
#include <vector>

#include "storage/base/check.h"
#include "storage/base/status.h"
#include "storage/model/histogram_text.h"
#include "storage/model/number_text.h"

namespace server {
namespace {

using Columns = chunk::MixedColumns;
using Cell = std::variant<double, model::AnyHistogram>;

model::TimeMs Last(const std::vector<model::TimeMs>& times) {
  return times.empty() ? std::numeric_limits<model::TimeMs>::min() : times.back();
}

bool SameBits(const Cell& a, const Cell& b) {
  if (a.index() != b.index()) return false;
  if (const double* v = std::get_if<double>(&a)) {
    return std::bit_cast<uint64_t>(*v) == std::bit_cast<uint64_t>(std::get<double>(b));
  }
  return model::SameBits(std::get<model::AnyHistogram>(a), std::get<model::AnyHistogram>(b));
}

// As it comes out of the chunk it is put into, behind the one before when that is there.
absl::StatusOr<model::AnyHistogram> AsStored(model::TimeMs t, const model::AnyHistogram& h,
                                             const model::AnyHistogram* before) {
  chunk::HistogramColumns run;
  if (before != nullptr) run.Add(t - 1, *before);
  run.Add(t, h);
  Columns out;
  for (const chunk::OwnedChunk& one : chunk::Encode(run)) {
    RETURN_IF_ERROR(chunk::Decode(one.view(), model::TimeRange(), &out));
  }
  CHECK(out.histograms.size() == run.size());
  return std::move(out.histograms.values.back());
}

}  // namespace

class TestStore::Batch final : public storage::Appender {
 public:
  explicit Batch(promql_test::MemoryQueryable* data) : data_(data) {}

  storage::Appended Append(storage::SeriesRef, model::LabelsView labels,
                           model::Sample sample) override {
    return Add(labels, sample.t, sample.v);
  }
  storage::Appended AppendHistogram(storage::SeriesRef, model::LabelsView labels, model::TimeMs t,
                                    model::AnyHistogram h) override {
    if (!model::Validate(h).ok()) return {{}, storage::Outcome::kInvalidHistogram};
    return Add(labels, t, std::move(h));
  }
  bool AppendExemplar(storage::SeriesRef, const model::Exemplar&) override { return false; }

  absl::Status Commit() override {
    for (auto& [labels, pending] : pending_) {
      for (auto& [t, cell] : pending) RETURN_IF_ERROR(Store(labels, t, cell));
    }
    return absl::OkStatus();
  }

 private:
  storage::Appended Add(model::LabelsView view, model::TimeMs t, Cell cell) {
    if (view.empty()) return {{}, storage::Outcome::kInvalidLabels};
    const model::Labels labels(view);
    const auto last = LastOf(labels);
    if (last && last->first > t) return {{}, storage::Outcome::kOutOfOrder};
    if (last && last->first == t) {
      return {{},
              SameBits(last->second, cell) ? storage::Outcome::kAccepted
                                           : storage::Outcome::kDuplicate};
    }
    pending_[labels].emplace_back(t, std::move(cell));
    return {};
  }

  std::optional<std::pair<model::TimeMs, Cell>> LastOf(const model::Labels& labels) const {
    if (const auto it = pending_.find(labels); it != pending_.end()) return it->second.back();
    const auto it = data_->series().find(labels);
    if (it == data_->series().end()) return std::nullopt;
    const Columns& c = it->second;
    if (Last(c.floats.times) > Last(c.histograms.times)) {
      return std::pair(c.floats.times.back(), Cell(c.floats.values.back()));
    }
    return std::pair(c.histograms.times.back(), Cell(c.histograms.values.back()));
  }

  absl::Status Store(const model::Labels& labels, model::TimeMs t, const Cell& cell) {
    if (const double* v = std::get_if<double>(&cell)) {
      data_->Add(labels, t, *v);
      return absl::OkStatus();
    }
    const auto it = data_->series().find(labels);
    const model::AnyHistogram* before = nullptr;
    if (it != data_->series().end() &&
        Last(it->second.histograms.times) > Last(it->second.floats.times)) {
      before = &it->second.histograms.values.back();
    }
    ASSIGN_OR_RETURN(model::AnyHistogram stored,
                     AsStored(t, std::get<model::AnyHistogram>(cell), before));
    data_->AddHistogram(labels, t, std::move(stored));
    return absl::OkStatus();
  }

  promql_test::MemoryQueryable* const data_;
  std::map<model::Labels, std::vector<std::pair<model::TimeMs, Cell>>> pending_;
};

std::unique_ptr<storage::Appender> TestStore::NewAppender() {
  return std::make_unique<Batch>(&data_);
}

std::string TestStore::Dump() const {
  std::string out;
  for (const auto& [labels, columns] : data_.series()) {
    // A metric's name stands before its braces.
    model::LabelsBuilder rest(labels);
    rest.Remove(model::kMetricName);
    out += labels.MetricName();
    if (!rest.empty() || labels.MetricName().empty()) out += rest.Build().ToString();
    out += " =>\n";
    std::map<model::TimeMs, std::string> lines;
    for (size_t i = 0; i < columns.floats.times.size(); ++i) {
      lines[columns.floats.times[i]] = model::FormatFloat(columns.floats.values[i], 'f');
    }
    for (size_t i = 0; i < columns.histograms.size(); ++i) {
      lines[columns.histograms.times[i]] = model::ToString(columns.histograms.values[i]);
    }
    for (const auto& [t, text] : lines) out += fmt::format("{} @[{}]\n", text, t);
  }
  return out;
}

}  // namespace server
