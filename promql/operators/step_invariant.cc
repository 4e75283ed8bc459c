#include "promql/operators/step_invariant.h"

#include <algorithm>
#include <utility>

#include "promql/operators/literal.h"
#include "storage/base/status.h"

namespace promql {
namespace {

class StepInvariant final : public Operator {
 public:
  explicit StepInvariant(OperatorPtr input) : input_(std::move(input)) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    Context once = Once(context);
    auto series = input_->Series(once);
    CountForEveryStep(context);
    return series;
  }

  absl::StatusOr<BorrowedSeries> Borrow(Context& context) override {
    Context once = Once(context);
    auto series = input_->Borrow(once);
    CountForEveryStep(context);
    return series;
  }

  const std::vector<char>& drop_name() const override { return input_->drop_name(); }

  void LeaveOut(std::vector<char> series, bool floats_only) override {
    input_->LeaveOut(std::move(series), floats_only);
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    out->Reset(context.grid.size());
    while (out->size() == 0) {
      if (at_ == tile_.size()) {
        Context once = Once(context);
        ASSIGN_OR_RETURN(const bool more, input_->Next(once, &tile_));
        CountForEveryStep(context);
        at_ = 0;
        if (!more) return false;
      }
      for (; at_ < tile_.size() && !out->full(); ++at_) {
        const Row cell = tile_.row(at_);
        if (!cell.has(0)) continue;
        Row row = out->AddRow(tile_.rows[at_]);
        if (cell.is_histogram(0)) {
          row = out->histogram_row(out->size() - 1);
          std::fill_n(row.histograms, row.steps, cell.histograms[0]);
        } else {
          std::fill_n(row.values, row.steps, cell.values[0]);
        }
        FillPresent(row);
      }
    }
    return true;
  }

  std::string Describe() const override { return "once for all steps"; }

 private:
  Context Once(const Context& context) {
    Context once = context;
    once.grid.end = once.grid.start;
    samples_.Reset(0);
    once.samples = &samples_;
    return once;
  }

  // Each step has looked at them, one read them.
  void CountForEveryStep(Context& context) {
    const int steps = context.grid.size();
    for (int i = 0; context.samples->by_step() && i < steps; ++i) {
      context.samples->LookAt(i, samples_.looked_at());
    }
    if (!context.samples->by_step()) context.samples->AddToAll(samples_.looked_at() * steps, 0);
    context.samples->Read(0, samples_.read());
  }

  OperatorPtr input_;
  SampleTally samples_;
  Tile tile_;
  int at_ = 0;
};

}  // namespace

OperatorPtr MakeStepInvariant(OperatorPtr input) {
  return std::make_unique<StepInvariant>(std::move(input));
}

}  // namespace promql
