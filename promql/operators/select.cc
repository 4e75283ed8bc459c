#include "promql/operators/select.h"

#include <bit>
#include <optional>

#include "promql/kernels/extended.h"
#include "promql/operators/exchange.h"
#include "promql/printer.h"
#include "storage/base/status.h"

namespace promql {
namespace {

class Select final : public Operator {
 public:
  Select(const PlanNode& plan, Selections* selections, SelectValue value)
      : plan_(plan), selections_(selections), value_(value), range_(plan.windows.reach()) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    ASSIGN_OR_RETURN(const BorrowedSeries borrowed, Borrow(context));
    return std::vector<model::Labels>(borrowed.labels.begin(), borrowed.labels.end());
  }

  absl::StatusOr<BorrowedSeries> Borrow(Context& context) override {
    ASSIGN_OR_RETURN(selection_, selections_->Get(context, plan_.selector));
    rows_.emplace(selection_->size(),
                  [this](Context& context, int begin, int end, ExchangePart* part) {
                    return Fill(context, begin, end, part);
                  });
    return BorrowLabels(*selection_);
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    return rows_->Next(context, out);
  }

  std::string Describe() const override { return "select " + ToString(*plan_.expr); }

 private:
  absl::Status Fill(Context& context, int begin, int end, ExchangePart* part) const {
    Tile& tile = part->tile;
    for (int i = begin; i < end; ++i) {
      RETURN_IF_ERROR(context.Check());
      RETURN_IF_ERROR(selections_->Read(*selection_, i, range_, &part->samples));
      if (part->samples.size() == 0) continue;
      Row row = tile.AddRow(i);
      if (plan_.smoothing == Smoothing::kSmoothed) {
        RemoveStaleMarkers(&part->samples);
        kernels::LaySmoothed(part->samples, plan_.windows, row);
      } else {
        LayNewest(part->samples, plan_.windows, value_, row);
      }
      int64_t cells = 0;
      for (int w = 0; w < tile.words; ++w) cells += std::popcount(row.present[w]);
      if (cells == 0) tile.DropLastRow();
      part->samples_read += cells;
    }
    return absl::OkStatus();
  }

  const PlanNode& plan_;
  Selections* selections_;
  const SelectValue value_;
  const model::TimeRange range_;
  const storage::Selection* selection_ = nullptr;
  std::optional<Exchange> rows_;
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
