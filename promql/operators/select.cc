#include "promql/operators/select.h"

#include <bit>

#include "promql/operators/table.h"
#include "promql/printer.h"
#include "storage/base/status.h"

namespace promql {
namespace {

class Select final : public Operator {
 public:
  Select(const PlanNode& plan, Selections* selections, SelectValue value)
      : plan_(plan), selections_(selections), value_(value) {
    const WindowGrid& w = plan.windows;
    range_ = {w.first_end - w.range_ms + 1, w.end(w.steps - 1)};
  }

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    ASSIGN_OR_RETURN(selection_, selections_->Get(context, plan_.selector));
    std::vector<model::Labels> series;
    series.reserve(selection_->size());
    for (int i = 0; i < selection_->size(); ++i) series.emplace_back(selection_->labels(i));
    return series;
  }

  absl::StatusOr<BorrowedSeries> Borrow(Context& context) override {
    ASSIGN_OR_RETURN(selection_, selections_->Get(context, plan_.selector));
    return BorrowLabels(*selection_);
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    const int steps = plan_.windows.steps;
    out->Reset(steps);
    while (next_ < selection_->size() && !out->full()) {
      RETURN_IF_ERROR(context.Check());
      const int i = next_++;
      RETURN_IF_ERROR(ReadSeries(*selection_, i, range_, &samples_));
      if (samples_.size() == 0) continue;
      Row row = out->AddRow(i);
      LayNewest(samples_, plan_.windows, value_, row);
      int64_t cells = 0;
      for (int w = 0; w < out->words; ++w) cells += std::popcount(row.present[w]);
      if (cells == 0) out->DropLastRow();
      *context.samples_read += cells;
    }
    return out->size() > 0;
  }

  std::string Describe() const override { return "select " + ToString(*plan_.expr); }

 private:
  const PlanNode& plan_;
  Selections* selections_;
  const SelectValue value_;
  model::TimeRange range_;
  const storage::Selection* selection_ = nullptr;
  int next_ = 0;
  chunk::SampleColumns samples_;
};

}  // namespace

void LayNewest(const chunk::SampleColumns& samples, const WindowGrid& windows, SelectValue value,
               Row out) {
  const model::TimeMs* times = samples.times.data();
  const double* values = samples.values.data();
  const size_t n = samples.size();
  size_t next = 0;  // The first sample later than the step.
  model::TimeMs end = windows.first_end;
  for (int i = 0; i < out.steps; ++i, end += windows.step_ms) {
    while (next < n && times[next] <= end) ++next;
    if (next == 0) continue;
    const size_t at = next - 1;
    if (times[at] <= end - windows.range_ms || model::IsStaleNan(values[at])) continue;
    out.Set(i, value == SelectValue::kSample ? values[at] : static_cast<double>(times[at]) / 1000);
  }
}

OperatorPtr MakeSelect(const PlanNode& plan, Selections* selections, SelectValue value) {
  return std::make_unique<Select>(plan, selections, value);
}

}  // namespace promql
