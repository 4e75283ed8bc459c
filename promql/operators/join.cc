#include "promql/operators/join.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "promql/kernels/elementwise.h"
#include "promql/operators/binary_cell.h"
#include "promql/operators/histogram_cells.h"
#include "promql/operators/join_labels.h"
#include "promql/operators/label_picker.h"
#include "promql/operators/names.h"
#include "promql/operators/scalar_op.h"
#include "promql/operators/table.h"
#include "storage/base/status.h"

namespace promql {
namespace {

class Join final : public Operator {
 public:
  Join(const Expr& binary, OperatorPtr lhs, OperatorPtr rhs)
      : binary_(binary),
        matching_(*binary.matching),
        swap_(matching_.card == MatchCard::kOneToMany),
        many_(std::move(swap_ ? rhs : lhs)),
        one_(std::move(swap_ ? lhs : rhs)) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    // The left side is evaluated first.
    ASSIGN_OR_RETURN(BorrowedSeries first, (swap_ ? one_ : many_)->Borrow(context));
    ASSIGN_OR_RETURN(BorrowedSeries second, (swap_ ? many_ : one_)->Borrow(context));
    const bool keep_name =
        !ChangesMeaning(binary_.op) && (context.delayed_name_removal || !binary_.return_bool);
    labels_ = MakeJoinLabels(matching_, first, second, !keep_name);
    one_series_ = std::move(swap_ ? first : second);
    if (context.delayed_name_removal) {
      drop_name_.assign(labels_.series.size(), binary_.return_bool);
    }
    return labels_.series;
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    if (steps_ == 0) RETURN_IF_ERROR(Prepare(context));
    while (!many_done_) {
      out->Reset(steps_);
      ASSIGN_OR_RETURN(const bool more, many_->Next(context, &tile_));
      if (!more) {
        many_done_ = true;
        RETURN_IF_ERROR(FillMany(context));
        break;
      }
      for (int i = 0; i < tile_.size(); ++i) {
        RETURN_IF_ERROR(JoinRow(context, tile_.row(i), tile_.rows[i], out));
      }
      if (out->size() > 0) return true;
    }
    return Flush(context, out);
  }

  std::string Describe() const override {
    return fmt::format("{} {}", ToString(binary_.op), ToString(matching_.card));
  }

 private:
  absl::Status Prepare(Context& context) {
    steps_ = context.grid.size();
    words_ = Words(steps_);
    if (context.leave_out_unmatched) LeaveOutUnmatched();
    RETURN_IF_ERROR(
        table_.Fill(context, static_cast<int>(labels_.one_group.size()), one_.get()));
    one_row_.Reset(steps_);
    one_row_.AddRow(0);
    if (table_.has_histograms()) one_row_.histogram_row(0);
    RETURN_IF_ERROR(context.CheckRoom((size_t(labels_.num_matches) + size_t(labels_.num_groups)) *
                                      size_t(words_) * sizeof(uint64_t)));
    matched_.resize(size_t(labels_.num_matches) * words_);
    FindConflicts();
    if (matching_.fill_lhs.has_value() || matching_.fill_rhs.has_value()) {
      RETURN_IF_ERROR(CheckOneSide(nullptr));
    }
    if (!labels_.fills.empty()) many_seen_.resize(size_t(labels_.num_groups) * words_);
    const size_t held = labels_.series.size() - labels_.num_passing;
    held_row_.assign(held, -1);
    held_.Reset(steps_);
    return absl::OkStatus();
  }

  // Series whose group has none on the other side give nothing. But two of one group on the one side
  // are an error wherever the many side has anything, be it in another group.
  void LeaveOutUnmatched() {
    std::vector<int> ones(labels_.num_groups), many_of(labels_.num_groups);
    for (const int group : labels_.one_group) ++ones[group];
    for (const int group : labels_.many_group) ++many_of[group];
    std::vector<char> one(labels_.one_group.size()), many(labels_.many_group.size());
    for (size_t i = 0; i < one.size() && !matching_.fill_lhs.has_value(); ++i) {
      const int group = labels_.one_group[i];
      one[i] = many_of[group] == 0 && ones[group] == 1;
    }
    const bool conflict_free = std::ranges::all_of(ones, [](int n) { return n <= 1; });
    for (size_t i = 0; i < many.size() && conflict_free && !matching_.fill_rhs.has_value(); ++i) {
      many[i] = ones[labels_.many_group[i]] == 0;
    }
    one_->LeaveOut(std::move(one), /*floats_only=*/false);
    many_->LeaveOut(std::move(many), /*floats_only=*/false);
  }

  // Steps at which a match group has two series on the one side, and, for fill_right, at which it
  // has any.
  void FindConflicts() {
    conflicts_.resize(words_);
    const bool all = matching_.fill_rhs.has_value();
    std::vector<int> members(labels_.num_groups);
    for (const int group : labels_.one_group) ++members[group];
    one_seen_.resize(labels_.num_groups);
    const Row row = one_row_.row(0);
    for (int r = 0; r < table_.size(); ++r) {
      const int group = labels_.one_group[r];
      if ((members[group] < 2 && !all) || table_.row(r).empty()) continue;
      table_.Expand(r, row);
      std::vector<uint64_t>& seen = one_seen_[group];
      seen.resize(words_);
      for (int w = 0; w < words_; ++w) {
        conflicts_[w] |= seen[w] & row.present[w];
        seen[w] |= row.present[w];
      }
    }
  }

  // An error if a match group is not unique on the one side at a step where the many side has
  // anything at all, be it in another group. With a fill modifier it need not.
  absl::Status CheckOneSide(const uint64_t* many_present) const {
    for (int w = 0; w < words_; ++w) {
      const uint64_t many = many_present == nullptr ? ~uint64_t{0} : many_present[w];
      const uint64_t both = conflicts_[w] & many;
      if (both != 0) return ConflictAt(w * 64 + std::countr_zero(both));
    }
    return absl::OkStatus();
  }

  absl::Status ConflictAt(int step) const {
    std::vector<int> first(labels_.num_groups, -1);
    for (int r = 0; r < table_.size(); ++r) {
      if (!table_.row(r).has(step)) continue;
      const int group = labels_.one_group[r];
      if (first[group] < 0) {
        first[group] = r;
        continue;
      }
      const bool hide = one_series_.hide_metadata;
      std::string a = VisibleLabels(one_series_.labels[r], hide).ToString();
      std::string b = VisibleLabels(one_series_.labels[first[group]], hide).ToString();
      if (a > b) std::swap(a, b);
      return base::Aborted(
          "found duplicate series for the match group {} on the {} hand-side of the operation: "
          "[{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
          MatchLabels(matching_, one_series_.labels[r], hide).ToString(), swap_ ? "left" : "right",
          a, b);
    }
    return base::Internal("a conflict without series");
  }

  absl::Status JoinRow(Context& context, const Row& many, int series, Tile* out) {
    RETURN_IF_ERROR(CheckOneSide(many.present));
    if (many.histograms != nullptr) one_row_.histogram_row(0);
    const int group = labels_.many_group[series];
    int open = -1;  // The result row last added to *out.
    for (int p = labels_.first_pair[series]; p < labels_.first_pair[series + 1]; ++p) {
      const JoinPair& pair = labels_.pairs[p];
      const Row one = one_row_.row(0);
      if (!Meet(many, pair.one, group, one) || !ComputeMixed(many, one)) continue;
      if (pair.match >= 0) RETURN_IF_ERROR(TakeMatch(pair.match, one));
      if (!labels_.fills.empty()) {
        uint64_t* seen = &many_seen_[size_t(group) * words_];
        for (int w = 0; w < words_; ++w) seen[w] |= one.present[w];
      }
      Compute(many, one);
      if (pair.out >= labels_.num_passing) {
        RETURN_IF_ERROR(Hold(context, one, pair.out));
      } else if (open == pair.out) {
        RETURN_IF_ERROR(Merge(one, out->size() - 1, out));
      } else if (HasAny(one)) {
        CopyRow(one, pair.out, out);
        open = pair.out;
      }
    }
    return absl::OkStatus();
  }

  // Lays series `r` of the one side (-1: what stands in for it) into `one`, at the steps where it
  // meets `many`. False if there is none.
  bool Meet(const Row& many, int r, int group, Row one) const {
    if (r >= 0) {
      if (table_.row(r).empty()) return false;
      table_.Expand(r, one);
    } else {
      const std::vector<uint64_t>& seen = one_seen_[group];
      for (int w = 0; w < words_; ++w) one.present[w] = seen.empty() ? ~uint64_t{0} : ~seen[w];
      std::fill_n(one.values, steps_, *matching_.fill_rhs);
      if (one.histograms != nullptr) std::fill_n(one.histograms, steps_, nullptr);
    }
    uint64_t any = 0;
    for (int w = 0; w < words_; ++w) any |= one.present[w] &= many.present[w];
    return any != 0;
  }

  // Series of the one side at steps where nothing of the many side came.
  absl::Status FillMany(Context& context) {
    if (labels_.fills.empty()) return absl::OkStatus();
    Tile stand_in;
    stand_in.Reset(steps_);
    const Row many = stand_in.AddRow(0);
    const Row one = one_row_.row(0);
    for (const JoinFill& fill : labels_.fills) {
      if (table_.row(fill.one).empty()) continue;
      table_.Expand(fill.one, one);
      const uint64_t* seen = &many_seen_[size_t(labels_.one_group[fill.one]) * words_];
      for (int w = 0; w < words_; ++w) one.present[w] &= ~seen[w];
      if (!HasAny(one)) continue;
      std::fill_n(many.values, steps_, *matching_.fill_lhs);
      if (!ComputeMixed(many, one)) continue;
      Compute(many, one);
      RETURN_IF_ERROR(Hold(context, one, fill.out));
    }
    return absl::OkStatus();
  }

  bool IsTrim() const {
    return binary_.op == BinaryOp::kTrimLower || binary_.op == BinaryOp::kTrimUpper;
  }

  // Marks the cells of `row` as matched; an error if one of them was.
  absl::Status TakeMatch(int match, const Row& row) {
    uint64_t* matched = &matched_[size_t(match) * words_];
    for (int w = 0; w < words_; ++w) {
      const uint64_t twice = matched[w] & row.present[w];
      if (twice != 0) {
        return base::Aborted("multiple matches for labels: {}",
                             matching_.card == MatchCard::kOneToOne
                                 ? "many-to-one matching must be explicit (group_left/group_right)"
                                 : "grouping labels must ensure unique matches");
      }
      matched[w] |= row.present[w];
    }
    return absl::OkStatus();
  }

  // Computes the cells of both that floats alone do not settle, into mixed_, and drops those that
  // do not go together. False when nothing is left.
  bool ComputeMixed(const Row& many, Row one) {
    mixed_.clear();
    if (one.histograms == nullptr && !IsTrim()) return true;
    for (int i = 0; i < steps_; ++i) {
      if (!one.has(i)) continue;
      const Operand ours{many.values[i], many.is_histogram(i) ? &many.histograms[i] : nullptr};
      const Operand theirs{one.values[i], one.is_histogram(i) ? &one.histograms[i] : nullptr};
      if (ours.histogram == nullptr && theirs.histogram == nullptr && !IsTrim()) continue;
      BinaryCell cell =
          ComputeCell(binary_.op, swap_ ? theirs : ours, swap_ ? ours : theirs);
      if (cell.note != BinaryNote::kNone) notes_.Add(i, steps_, cell.note);
      if (cell.dropped) {
        one.Drop(i);
      } else {
        mixed_.emplace_back(i, std::move(cell));
      }
    }
    return HasAny(one);
  }

  // Puts the result into `one`, whose present cells are those of both.
  void Compute(const Row& many, Row one) {
    if (mixed_.empty()) return ComputeFloats(many, one);
    for (const auto& [i, cell] : mixed_) one.Drop(i);
    ComputeFloats(many, one);
    for (auto& [i, cell] : mixed_) {
      if (binary_.return_bool) {
        one.Put(i, cell.holds ? 1 : 0);
      } else if (cell.holds) {
        one.Put(i, std::move(cell.histogram));
      }
    }
  }

  void ComputeFloats(const Row& many, Row one) const {
    const double* l = swap_ ? one.values : many.values;
    const double* r = swap_ ? many.values : one.values;
    if (!IsComparison(binary_.op)) {
      kernels::Arithmetic(binary_.op, l, r, steps_, one.values);
    } else if (binary_.return_bool) {
      kernels::CompareBool(binary_.op, l, r, steps_, one.values);
    } else {
      kernels::CompareFilter(binary_.op, l, r, steps_, one.present);
      if (!swap_) std::copy_n(many.values, steps_, one.values);
    }
  }

  static absl::Status Merge(const Row& row, int at, Tile* tile) {
    const Row into = row.histograms != nullptr ? tile->histogram_row(at) : tile->row(at);
    for (int i = 0; i < row.steps; ++i) {
      if (!row.has(i)) continue;
      if (into.has(i)) return SameLabelsetError();
      CopyCell(row, i, into);
    }
    return absl::OkStatus();
  }

  absl::Status Hold(Context& context, const Row& row, int result) {
    int& at = held_row_[result - labels_.num_passing];
    if (at >= 0) return Merge(row, at, &held_);
    RETURN_IF_ERROR(context.Charge(steps_));
    charged_ += steps_;
    at = held_.size();
    CopyRow(row, result, &held_);
    return absl::OkStatus();
  }

  bool Flush(Context& context, Tile* out) {
    out->Reset(steps_);
    while (next_held_ < held_row_.size() && !out->full()) {
      const int at = held_row_[next_held_++];
      if (at >= 0) CopyRow(held_.row(at), held_.rows[at], out);
    }
    if (out->size() > 0) return true;
    context.Release(std::exchange(charged_, 0));
    notes_.Report(binary_, context.annotations);
    table_.Clear();
    return false;
  }

  const Expr& binary_;
  const VectorMatching& matching_;
  const bool swap_;  // The many side is the right one.
  OperatorPtr many_, one_;
  JoinLabels labels_;
  BorrowedSeries one_series_;
  int steps_ = 0, words_ = 0;
  Table table_;                      // The one side.
  Tile tile_, one_row_;              // Rows of the many side; one row of the other, spread out.
  std::vector<uint64_t> conflicts_;  // Steps at which the one side is not unique.
  // By group: steps at which the one side has anything; where it may matter.
  std::vector<std::vector<uint64_t>> one_seen_;
  std::vector<uint64_t> many_seen_;  // groups x words, for fill_left: steps that found a match.
  std::vector<uint64_t> matched_;    // num_matches x words
  bool many_done_ = false;
  std::vector<int> held_row_;        // Results that several many series share -> row of held_.
  Tile held_;
  size_t next_held_ = 0;
  int64_t charged_ = 0;
  BinaryNotes notes_;
  std::vector<std::pair<int, BinaryCell>> mixed_;  // Of one row: cells with histograms.
};

}  // namespace

OperatorPtr MakeJoin(const Expr& binary, OperatorPtr lhs, OperatorPtr rhs) {
  return std::make_unique<Join>(binary, std::move(lhs), std::move(rhs));
}

}  // namespace promql
