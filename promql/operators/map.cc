#include "promql/operators/map.h"

#include <utility>

#include "promql/operators/table.h"
#include "storage/base/status.h"

namespace promql {
namespace {

class Cells final : public Operator {
 public:
  Cells(CellFunction function, OperatorPtr input, std::vector<OperatorPtr> params,
        std::string describe)
      : function_(function),
        input_(std::move(input)),
        params_(std::move(params)),
        describe_(std::move(describe)) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    auto series = input_->Series(context);
    drop_name_ = input_->drop_name();
    RETURN_IF_ERROR(DrainParams(context));
    return series;
  }

  absl::StatusOr<BorrowedSeries> Borrow(Context& context) override {
    auto series = input_->Borrow(context);
    drop_name_ = input_->drop_name();
    RETURN_IF_ERROR(DrainParams(context));
    return series;
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    ASSIGN_OR_RETURN(const bool more, input_->Next(context, out));
    for (int i = 0; i < out->size(); ++i) function_(out->row(i), context.grid, param_columns_);
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
};

void Negate(Row row, const Grid&, ScalarParams) {
  for (int i = 0; i < row.steps; ++i) row.values[i] = -row.values[i];
}

}  // namespace

OperatorPtr MakeCells(CellFunction function, OperatorPtr input, std::vector<OperatorPtr> params,
                      std::string describe) {
  return std::make_unique<Cells>(function, std::move(input), std::move(params),
                                 std::move(describe));
}

OperatorPtr MakeNegate(OperatorPtr input) {
  return MakeCells(Negate, std::move(input), {}, "negate");
}

}  // namespace promql
