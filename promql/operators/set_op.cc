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
    AddSide(lhs, &series);
    bool flags = !lhs_->drop_name().empty();
    if (binary_.op == BinaryOp::kOr) {
      AddSide(rhs, &series);
      flags |= !rhs_->drop_name().empty();
    }
    if (flags) drop_name_.resize(series.size());
    return series;
  }

  void LeaveOut(std::vector<char> series, bool floats_only) override {
    left_out_ = std::move(series);
    floats_only_ = floats_only;
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    if (seen_.empty()) {
      if (context.leave_out_unmatched) LeaveOutUnmatched();
      words_ = Words(context.grid.size());
      RETURN_IF_ERROR(
          context.CheckRoom(size_t(groups_.count) * size_t(words_) * sizeof(uint64_t)));
      seen_.resize(size_t(groups_.count) * words_ + 1);
      if (binary_.op != BinaryOp::kOr) RETURN_IF_ERROR(SeeRight(context));
    }
    if (!left_done_) {
      ASSIGN_OR_RETURN(const bool more, lhs_->Next(context, out));
      for (int i = 0; i < out->size(); ++i) Left(out->row(i), groups_.lhs[out->rows[i]]);
      TakeFlags(lhs_->drop_name(), *out, 0);
      if (more || binary_.op != BinaryOp::kOr) return more;
      left_done_ = true;
    }
    ASSIGN_OR_RETURN(const bool more, rhs_->Next(context, out));
    TakeFlags(rhs_->drop_name(), *out, num_lhs_);
    for (int i = 0; i < out->size(); ++i) {
      Mask(out->row(i), groups_.rhs[out->rows[i]], /*keep_seen=*/false);
      out->rows[i] += num_lhs_;
    }
    return more;
  }

  std::string Describe() const override { return fmt::format("{}", ToString(binary_.op)); }

 private:
  static void AddSide(const BorrowedSeries& side, std::vector<model::Labels>* series) {
    for (const model::LabelsView labels : side.labels) {
      series->push_back(VisibleLabels(labels, side.hide_metadata));
    }
  }

  // Those of a side's rows; its series are those from `first` on.
  void TakeFlags(const std::vector<char>& flags, const Tile& rows, int first) {
    if (flags.empty()) return;
    for (const int i : rows.rows) drop_name_[first + i] = flags[i];
  }

  // What can neither come out nor decide what does.
  void LeaveOutUnmatched() {
    if (binary_.op == BinaryOp::kOr) return;
    std::vector<char> left(groups_.lhs.size()), right(groups_.rhs.size());
    std::vector<char> has_left(groups_.count), has_right(groups_.count);
    for (const int group : groups_.rhs) has_right[group] = 1;
    for (size_t i = 0; i < left.size(); ++i) {
      const int group = groups_.lhs[i];
      const bool meets_none = binary_.op == BinaryOp::kAnd && !has_right[group];
      const bool unwanted = !left_out_.empty() && left_out_[i];
      left[i] = meets_none || unwanted;
      // With floats_only it may be wanted after all.
      has_left[group] |= !meets_none && !(unwanted && !floats_only_);
    }
    for (size_t i = 0; i < right.size(); ++i) right[i] = !has_left[groups_.rhs[i]];
    lhs_->LeaveOut(std::move(left), floats_only_);
    rhs_->LeaveOut(std::move(right), /*floats_only=*/false);
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
  std::vector<char> left_out_;  // By series of the result, or empty.
  bool floats_only_ = false;    // See LeaveOut.
  std::vector<uint64_t> seen_;  // groups x words: steps at which the deciding side has a value.
  bool left_done_ = false;
};

}  // namespace

OperatorPtr MakeSetOp(const Expr& binary, OperatorPtr lhs, OperatorPtr rhs) {
  return std::make_unique<SetOp>(binary, std::move(lhs), std::move(rhs));
}

}  // namespace promql
