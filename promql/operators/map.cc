#include "promql/operators/map.h"

#include <utility>

#include "promql/histogram/arithmetic.h"
#include "promql/operators/histogram_cells.h"
#include "promql/operators/table.h"
#include "storage/base/status.h"

namespace promql {
namespace {

class Cells final : public Operator {
 public:
  Cells(CellFunction function, OperatorPtr input, std::vector<OperatorPtr> params,
        std::string describe, bool takes_histograms)
      : function_(function),
        input_(std::move(input)),
        params_(std::move(params)),
        describe_(std::move(describe)),
        takes_histograms_(takes_histograms) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    auto series = input_->Series(context);
    RETURN_IF_ERROR(DrainParams(context));
    return series;
  }

  absl::StatusOr<BorrowedSeries> Borrow(Context& context) override {
    auto series = input_->Borrow(context);
    RETURN_IF_ERROR(DrainParams(context));
    return series;
  }

  const std::vector<char>& drop_name() const override { return input_->drop_name(); }

  void LeaveOut(std::vector<char> series, bool floats_only) override {
    input_->LeaveOut(std::move(series), floats_only);
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    ASSIGN_OR_RETURN(const bool more, input_->Next(context, out));
    for (int i = 0; i < out->size(); ++i) {
      if (!takes_histograms_) DropHistograms(out->row(i));
      function_(out->row(i), context.grid, param_columns_);
    }
    return more;
  }

  std::string Describe() const override { return describe_; }

 private:
  absl::Status DrainParams(Context& context) {
    for (const OperatorPtr& param : params_) {
      ASSIGN_OR_RETURN(std::vector<double> values, DrainScalar(context, param.get()));
      param_values_.push_back(std::move(values));
    }
    for (const std::vector<double>& values : param_values_) {
      param_columns_.push_back(values.data());
    }
    return absl::OkStatus();
  }

  const CellFunction function_;
  OperatorPtr input_;
  std::vector<OperatorPtr> params_;
  std::vector<std::vector<double>> param_values_;
  std::vector<const double*> param_columns_;
  const std::string describe_;
  const bool takes_histograms_;
};

void Negate(Row row, const Grid&, ScalarParams) {
  for (int i = 0; i < row.steps; ++i) row.values[i] = -row.values[i];
  if (row.histograms == nullptr) return;
  for (int i = 0; i < row.steps; ++i) {
    if (!row.has(i) || !row.is_histogram(i)) continue;
    model::FloatHistogram h = *row.histograms[i];
    histogram::Multiply(-1, &h);
    row.histograms[i] = Share(std::move(h));
  }
}

}  // namespace

OperatorPtr MakeCells(CellFunction function, OperatorPtr input, std::vector<OperatorPtr> params,
                      std::string describe, bool takes_histograms) {
  return std::make_unique<Cells>(function, std::move(input), std::move(params),
                                 std::move(describe), takes_histograms);
}

OperatorPtr MakeNegate(OperatorPtr input) {
  return MakeCells(Negate, std::move(input), {}, "negate", /*takes_histograms=*/true);
}

}  // namespace promql
