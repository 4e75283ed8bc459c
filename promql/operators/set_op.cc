#include "promql/operators/set_op.h"

#include <utility>

#include "promql/operators/label_picker.h"
#include "promql/operators/match_groups.h"
#include "promql/operators/table.h"
#include "storage/base/status.h"

namespace promql {
namespace {

class SetOp final : public Operator {
 public:
  SetOp(const Expr& binary, OperatorPtr lhs, OperatorPtr rhs)
      : binary_(binary), lhs_(std::move(lhs)), rhs_(std::move(rhs)) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    ASSIGN_OR_RETURN(const BorrowedSeries lhs, lhs_->Borrow(context));
    ASSIGN_OR_RETURN(const BorrowedSeries rhs, rhs_->Borrow(context));
    groups_ = MatchSeries(*binary_.matching, lhs, rhs);
    num_lhs_ = static_cast<int>(lhs.labels.size());
    std::vector<model::Labels> series;
    AddSide(lhs, lhs_->drop_name(), &series);
    if (binary_.op == BinaryOp::kOr) AddSide(rhs, rhs_->drop_name(), &series);
    return series;
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    if (seen_.empty()) {
      words_ = Words(context.grid.size());
      seen_.resize(size_t(groups_.count) * words_ + 1);
      if (binary_.op != BinaryOp::kOr) RETURN_IF_ERROR(SeeRight(context));
    }
    if (!left_done_) {
      ASSIGN_OR_RETURN(const bool more, lhs_->Next(context, out));
      for (int i = 0; i < out->size(); ++i) Left(out->row(i), groups_.lhs[out->rows[i]]);
      if (more || binary_.op != BinaryOp::kOr) return more;
      left_done_ = true;
    }
    ASSIGN_OR_RETURN(const bool more, rhs_->Next(context, out));
    for (int i = 0; i < out->size(); ++i) {
      Mask(out->row(i), groups_.rhs[out->rows[i]], /*keep_seen=*/false);
      out->rows[i] += num_lhs_;
    }
    return more;
  }

  std::string Describe() const override { return fmt::format("{}", ToString(binary_.op)); }

 private:
  void AddSide(const BorrowedSeries& side, const std::vector<char>& flags,
               std::vector<model::Labels>* series) {
    for (const model::LabelsView labels : side.labels) {
      series->push_back(VisibleLabels(labels, side.hide_metadata));
    }
    if (flags.empty() && drop_name_.empty()) return;
    drop_name_.resize(series->size() - side.labels.size());
    drop_name_.insert(drop_name_.end(), flags.begin(), flags.end());
    drop_name_.resize(series->size());
  }

  uint64_t* Seen(int group) { return seen_.data() + size_t(group) * words_; }

  absl::Status SeeRight(Context& context) {
    Tile tile;
    for (;;) {
      ASSIGN_OR_RETURN(const bool more, rhs_->Next(context, &tile));
      if (!more) return absl::OkStatus();
      for (int i = 0; i < tile.size(); ++i) See(tile.row(i), groups_.rhs[tile.rows[i]]);
    }
  }

  void See(const Row& row, int group) {
    uint64_t* seen = Seen(group);
    for (int w = 0; w < words_; ++w) seen[w] |= row.present[w];
  }

  void Left(const Row& row, int group) {
    switch (binary_.op) {
      case BinaryOp::kAnd: return Mask(row, group, /*keep_seen=*/true);
      case BinaryOp::kUnless: return Mask(row, group, /*keep_seen=*/false);
      default: return See(row, group);
    }
  }

  void Mask(const Row& row, int group, bool keep_seen) {
    const uint64_t* seen = Seen(group);
    for (int w = 0; w < words_; ++w) row.present[w] &= keep_seen ? seen[w] : ~seen[w];
  }

  const Expr& binary_;
  OperatorPtr lhs_, rhs_;
  MatchGroups groups_;
  int num_lhs_ = 0, words_ = 0;
  std::vector<uint64_t> seen_;  // groups x words: steps at which the deciding side has a value.
  bool left_done_ = false;
};

}  // namespace

OperatorPtr MakeSetOp(const Expr& binary, OperatorPtr lhs, OperatorPtr rhs) {
  return std::make_unique<SetOp>(binary, std::move(lhs), std::move(rhs));
}

}  // namespace promql
