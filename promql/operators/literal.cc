#include "promql/operators/literal.h"

#include <algorithm>

#include "promql/operators/table.h"
#include "storage/base/status.h"
#include "storage/model/number_text.h"

namespace promql {
namespace {

class Number final : public Operator {
 public:
  explicit Number(double value) : value_(value) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context&) override {
    return std::vector<model::Labels>(1);
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    out->Reset(context.grid.size());
    if (done_) return false;
    done_ = true;
    Row row = out->AddRow(0);
    std::fill_n(row.values, row.steps, value_);
    FillPresent(row);
    return true;
  }

  std::string Describe() const override { return "number " + model::FormatFloat(value_, 'f'); }

 private:
  const double value_;
  bool done_ = false;
};

}  // namespace

void FillPresent(Row row) {
  std::fill_n(row.present, Words(row.steps), ~uint64_t{0});
  if (row.steps % 64 != 0) row.present[row.steps / 64] = (uint64_t{1} << (row.steps % 64)) - 1;
}

OperatorPtr MakeNumber(double value) { return std::make_unique<Number>(value); }

}  // namespace promql
