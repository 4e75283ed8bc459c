#include "promql/operators/scalar_op.h"

#include <algorithm>
#include <utility>

#include "promql/kernels/elementwise.h"
#include "promql/operators/binary_cell.h"
#include "promql/operators/literal.h"
#include "promql/operators/table.h"
#include "storage/base/status.h"

namespace promql {
namespace {

bool IsTrim(BinaryOp op) { return op == BinaryOp::kTrimLower || op == BinaryOp::kTrimUpper; }

class ScalarScalar final : public Operator {
 public:
  ScalarScalar(const Expr& binary, OperatorPtr lhs, OperatorPtr rhs)
      : binary_(binary), lhs_(std::move(lhs)), rhs_(std::move(rhs)) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    ASSIGN_OR_RETURN(values_, DrainScalar(context, lhs_.get()));
    ASSIGN_OR_RETURN(const std::vector<double> rhs, DrainScalar(context, rhs_.get()));
    const int n = static_cast<int>(values_.size());
    if (IsTrim(binary_.op)) {
      return base::Aborted("operator \"{}\" not allowed for Scalar operations",
                           ToString(binary_.op));
    }
    if (IsComparison(binary_.op)) {
      kernels::CompareBool(binary_.op, values_.data(), rhs.data(), n, values_.data());
    } else {
      kernels::Arithmetic(binary_.op, values_.data(), rhs.data(), n, values_.data());
    }
    return std::vector<model::Labels>(1);
  }

  absl::StatusOr<bool> Next(Context&, Tile* out) override {
    out->Reset(static_cast<int>(values_.size()));
    if (done_) return false;
    done_ = true;
    Row row = out->AddRow(0);
    std::copy(values_.begin(), values_.end(), row.values);
    FillPresent(row);
    return true;
  }

  std::string Describe() const override { return fmt::format("scalar {}", ToString(binary_.op)); }

 private:
  const Expr& binary_;
  OperatorPtr lhs_, rhs_;
  std::vector<double> values_;
  bool done_ = false;
};

class VectorScalar final : public Operator {
 public:
  VectorScalar(const Expr& binary, OperatorPtr vector, OperatorPtr scalar, bool scalar_first)
      : binary_(binary),
        vector_(std::move(vector)),
        scalar_(std::move(scalar)),
        scalar_first_(scalar_first) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    auto series = vector_->Series(context);
    ASSIGN_OR_RETURN(scalars_, DrainScalar(context, scalar_.get()));
    return series;
  }

  absl::StatusOr<BorrowedSeries> Borrow(Context& context) override {
    auto series = vector_->Borrow(context);
    ASSIGN_OR_RETURN(scalars_, DrainScalar(context, scalar_.get()));
    return series;
  }

  const std::vector<char>& drop_name() const override { return vector_->drop_name(); }

  // Something may be said of any histogram, and of any cell of a trim.
  void LeaveOut(std::vector<char> series, bool) override {
    if (!IsTrim(binary_.op)) vector_->LeaveOut(std::move(series), /*floats_only=*/true);
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    ASSIGN_OR_RETURN(const bool more, vector_->Next(context, out));
    for (int i = 0; i < out->size(); ++i) {
      const Row row = out->row(i);
      if (row.histograms == nullptr && !IsTrim(binary_.op)) {
        Apply(row);
      } else {
        ApplyMixed(row);
      }
    }
    if (!more) notes_.Report(binary_, context.annotations);
    return more;
  }

  std::string Describe() const override {
    return fmt::format("{} with a scalar", ToString(binary_.op));
  }

 private:
  void Apply(Row row) const {
    const double* l = scalar_first_ ? scalars_.data() : row.values;
    const double* r = scalar_first_ ? row.values : scalars_.data();
    if (!IsComparison(binary_.op)) {
      kernels::Arithmetic(binary_.op, l, r, row.steps, row.values);
    } else if (binary_.return_bool) {
      kernels::CompareBool(binary_.op, l, r, row.steps, row.values);
    } else {
      // The vector's value stays, on whichever side it stands.
      kernels::CompareFilter(binary_.op, l, r, row.steps, row.present);
    }
  }

  // The histograms cell by cell, then the floats.
  void ApplyMixed(Row row) {
    mixed_.clear();
    for (int i = 0; i < row.steps; ++i) {
      if (!row.has(i) || (!row.is_histogram(i) && !IsTrim(binary_.op))) continue;
      const Operand vector{row.values[i], row.is_histogram(i) ? &row.histograms[i] : nullptr};
      const Operand scalar{scalars_[i], nullptr};
      BinaryCell cell = ComputeCell(binary_.op, scalar_first_ ? scalar : vector,
                                    scalar_first_ ? vector : scalar);
      if (cell.note != BinaryNote::kNone) notes_.Add(i, row.steps, cell.note);
      row.Drop(i);
      if (!cell.dropped) mixed_.emplace_back(i, std::move(cell.histogram));
    }
    if (!IsTrim(binary_.op)) Apply(row);
    for (auto& [i, h] : mixed_) row.Put(i, std::move(h));
  }

  const Expr& binary_;
  OperatorPtr vector_, scalar_;
  const bool scalar_first_;
  std::vector<double> scalars_;
  BinaryNotes notes_;
  std::vector<std::pair<int, HistogramPtr>> mixed_;  // Of one row.
};

}  // namespace

OperatorPtr MakeScalarOp(const Expr& binary, OperatorPtr lhs, OperatorPtr rhs) {
  const bool l_scalar = binary.lhs->type == ValueType::kScalar;
  const bool r_scalar = binary.rhs->type == ValueType::kScalar;
  if (l_scalar && r_scalar) {
    return std::make_unique<ScalarScalar>(binary, std::move(lhs), std::move(rhs));
  }
  if (l_scalar) std::swap(lhs, rhs);
  return std::make_unique<VectorScalar>(binary, std::move(lhs), std::move(rhs), l_scalar);
}

bool ChangesMeaning(BinaryOp op) {
  switch (op) {
    case BinaryOp::kAdd:
    case BinaryOp::kSub:
    case BinaryOp::kMul:
    case BinaryOp::kDiv:
    case BinaryOp::kMod:
    case BinaryOp::kPow:
    case BinaryOp::kAtan2:
      return true;
    default:
      return false;
  }
}

}  // namespace promql
