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
    const int64_t read_before = *context.samples_read;
    auto series = input_->Series(once);
    CountForEveryStep(context, read_before);
    drop_name_ = input_->drop_name();
    return series;
  }

  absl::StatusOr<BorrowedSeries> Borrow(Context& context) override {
    Context once = Once(context);
    const int64_t read_before = *context.samples_read;
    auto series = input_->Borrow(once);
    CountForEveryStep(context, read_before);
    drop_name_ = input_->drop_name();
    return series;
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    out->Reset(context.grid.size());
    while (out->size() == 0) {
      if (at_ == tile_.size()) {
        Context once = Once(context);
        const int64_t read_before = *context.samples_read;
        ASSIGN_OR_RETURN(const bool more, input_->Next(once, &tile_));
        CountForEveryStep(context, read_before);
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
  static Context Once(const Context& context) {
    Context once = context;
    once.grid.end = once.grid.start;
    return once;
  }

  static void CountForEveryStep(Context& context, int64_t read_before) {
    int64_t& read = *context.samples_read;
    read = read_before + (read - read_before) * context.grid.size();
  }

  OperatorPtr input_;
  Tile tile_;
  int at_ = 0;
};

}  // namespace

OperatorPtr MakeStepInvariant(OperatorPtr input) {
  return std::make_unique<StepInvariant>(std::move(input));
}

}  // namespace promql
