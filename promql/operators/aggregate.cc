#include "promql/operators/aggregate.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "promql/functions/messages.h"
#include "promql/kernels/elementwise.h"
#include "promql/operators/histogram_cells.h"
#include "promql/operators/histogram_groups.h"
#include "promql/operators/label_picker.h"
#include "promql/operators/table.h"
#include "storage/base/status.h"

namespace promql {
namespace {

class Aggregate final : public Operator {
 public:
  Aggregate(const Expr& aggregate, OperatorPtr input)
      : aggregate_(aggregate), input_(std::move(input)) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    ASSIGN_OR_RETURN(series_, input_->Borrow(context));
    Groups groups = MakeGroups(aggregate_, series_);
    group_ = std::move(groups.of);
    num_groups_ = static_cast<int>(groups.labels.size());
    if (!input_->drop_name().empty()) drop_name_.resize(groups.labels.size());
    return std::move(groups.labels);
  }

  // Of sum and avg a float may matter for being beside a histogram.
  void LeaveOut(std::vector<char> groups, bool) override {
    const AggregateOp op = aggregate_.aggregate;
    if (op == AggregateOp::kSum || op == AggregateOp::kAvg) return;
    const bool counts = op == AggregateOp::kCount || op == AggregateOp::kGroup;
    std::vector<char> series(group_.size());
    for (size_t i = 0; i < group_.size(); ++i) series[i] = groups[group_[i]];
    input_->LeaveOut(std::move(series), /*floats_only=*/!counts);
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    if (!folded_) {
      RETURN_IF_ERROR(FoldAll(context));
      FindDropped();
      folded_ = true;
    }
    out->Reset(steps_);
    for (; next_ < num_groups_ && !out->full(); ++next_) {
      const Row row = At(next_);
      if (HasAny(row)) CopyRow(row, next_, out);
    }
    if (out->size() > 0) return true;
    context.Release(std::exchange(charged_, 0));
    return false;
  }

  std::string Describe() const override {
    return fmt::format("{} into {} groups", ToString(aggregate_.aggregate), num_groups_);
  }

 private:
  Row At(int group) {
    return {values_.data() + size_t(group) * steps_, present_.data() + size_t(group) * words_,
            steps_, results_.empty() ? nullptr : results_.data() + size_t(group) * steps_};
  }

  absl::Status FoldAll(Context& context) {
    steps_ = context.grid.size();
    words_ = Words(steps_);
    const size_t cells = size_t(num_groups_) * steps_;
    RETURN_IF_ERROR(context.Charge(static_cast<int64_t>(cells)));
    charged_ = static_cast<int64_t>(cells);
    bool count = false, extra = false;
    switch (aggregate_.aggregate) {
      case AggregateOp::kAvg:
      case AggregateOp::kStddev:
      case AggregateOp::kStdvar:
        count = true;
        [[fallthrough]];
      case AggregateOp::kSum:
        extra = true;
        break;
      default:
        break;
    }
    RETURN_IF_ERROR(context.CheckRoom(cells * sizeof(double) * (1 + count + extra)));
    values_.resize(cells);
    present_.resize(size_t(num_groups_) * words_);
    if (aggregate_.aggregate == AggregateOp::kAvg) incremental_.resize(present_.size());
    if (count) count_.resize(cells);
    if (extra) extra_.resize(cells);
    Tile tile;
    for (;;) {
      ASSIGN_OR_RETURN(const bool more, input_->Next(context, &tile));
      if (!more) break;
      if (steps_ == 1 && aggregate_.aggregate == AggregateOp::kCount) {
        CountCells(tile);
        continue;
      }
      for (int i = 0; i < tile.size(); ++i) {
        const Row row = tile.row(i);
        const int series = tile.rows[i];
        const bool flagged = !drop_name_.empty() && input_->drop_name()[series] != 0;
        if (flagged) FlagHistograms(row, group_[series]);
        if (row.histograms != nullptr || histograms_.has_value()) {
          RETURN_IF_ERROR(FoldHistograms(context, row, series));
        }
        if (flagged) FlagRow(row, group_[series]);
        Fold(row, group_[series]);
      }
    }
    for (int group = 0; group < num_groups_; ++group) Finish(group);
    if (context.watch != nullptr && context.watch->unordered.contains(&aggregate_) && HasZero()) {
      context.watch->hangs = true;  // Of a zero and a negative one, the first is kept.
    }
    if (!histograms_.has_value() || histograms_->empty()) return absl::OkStatus();
    RETURN_IF_ERROR(context.CheckRoom(cells * sizeof(HistogramPtr)));
    results_.resize(cells);
    for (int group = 0; group < num_groups_; ++group) {
      histograms_->Finish(group, context.annotations, At(group));
    }
    histograms_.reset();
    return absl::OkStatus();
  }

  // The rows of a grid of one step, of either kind.
  void CountCells(const Tile& tile) {
    const std::vector<char>& flags = input_->drop_name();
    for (size_t i = 0; i < tile.rows.size(); ++i) {
      if ((tile.present[i] & 1) == 0) continue;
      const auto group = static_cast<size_t>(group_[static_cast<size_t>(tile.rows[i])]);
      if (!flags.empty()) drop_name_[group] |= flags[static_cast<size_t>(tile.rows[i])];
      values_[group] += 1;
      present_[group] = 1;
    }
  }

  // Takes the histograms out of the row, where they are not simply counted.
  absl::Status FoldHistograms(Context& context, Row row, int series) {
    const AggregateOp op = aggregate_.aggregate;
    if (op == AggregateOp::kCount || op == AggregateOp::kGroup) return absl::OkStatus();
    if (op == AggregateOp::kSum || op == AggregateOp::kAvg) {
      if (!histograms_.has_value()) histograms_.emplace(aggregate_, num_groups_, steps_);
      if (!histograms_->empty() || HasHistograms(row)) {
        const std::string_view metric =
            series_.hide_metadata ? std::string_view() : series_.labels[series].MetricName();
        RETURN_IF_ERROR(histograms_->Fold(context, row, At(group_[series]), group_[series], metric,
                                          &charged_));
      }
    } else if (HasHistograms(row)) {
      InformOfIgnored(aggregate_, ArgumentPosition(*aggregate_.lhs), context.annotations);
    }
    DropHistograms(row);
    return absl::OkStatus();
  }

  void Fold(const Row& row, int group) {
    const Row into = At(group);
    const size_t at = size_t(group) * steps_;
    switch (aggregate_.aggregate) {
      case AggregateOp::kSum: return kernels::SumRow(row, into, &extra_[at]);
      case AggregateOp::kAvg:
        return kernels::AvgRow(row, into, &extra_[at], &count_[at],
                               &incremental_[size_t(group) * words_]);
      case AggregateOp::kCount: return kernels::CountRow(row, into);
      case AggregateOp::kMin: return kernels::MinRow(row, into);
      case AggregateOp::kMax: return kernels::MaxRow(row, into);
      case AggregateOp::kGroup: return kernels::GroupRow(row, into);
      case AggregateOp::kStddev:
      case AggregateOp::kStdvar: return kernels::VarianceRow(row, into, &extra_[at], &count_[at]);
      default: return;
    }
  }

  // Steps at which a member whose name is to be dropped has a value.
  void FlagRow(const Row& row, int group) {
    if (flagged_.empty()) flagged_.resize(present_.size());
    for (int w = 0; w < words_; ++w) flagged_[size_t(group) * words_ + w] |= row.present[w];
  }

  // Before histograms are taken out. Those that are left out count too, once the group has a float.
  void FlagHistograms(const Row& row, int group) {
    if (row.histograms == nullptr) return;
    switch (aggregate_.aggregate) {
      case AggregateOp::kSum:
      case AggregateOp::kAvg:
      case AggregateOp::kCount:
      case AggregateOp::kGroup: return FlagRow(row, group);
      default: break;
    }
    if (flagged_.empty()) flagged_.resize(present_.size());
    const Row into = At(group);
    for (int w = 0; w < words_; ++w) {
      flagged_[size_t(group) * words_ + w] |= row.present[w] & into.present[w];
    }
  }

  // As in Prometheus: the members of a group's last step say whether it loses its name.
  void FindDropped() {
    for (int group = 0; group < num_groups_ && !flagged_.empty(); ++group) {
      const int last = LastStep(At(group));
      if (last < 0) continue;
      const uint64_t word = flagged_[size_t(group) * words_ + last / 64];
      drop_name_[group] = static_cast<char>(word >> (last % 64) & 1);
    }
  }

  bool HasZero() {
    for (int group = 0; group < num_groups_; ++group) {
      const Row row = At(group);
      for (int i = 0; i < row.steps; ++i) {
        if (row.has(i) && row.values[i] == 0) return true;
      }
    }
    return false;
  }

  void Finish(int group) {
    const Row row = At(group);
    const size_t at = size_t(group) * steps_;
    switch (aggregate_.aggregate) {
      case AggregateOp::kSum: return kernels::FinishSum(row, &extra_[at]);
      case AggregateOp::kAvg:
        return kernels::FinishAvg(row, &extra_[at], &count_[at],
                                  &incremental_[size_t(group) * words_]);
      case AggregateOp::kStddev: return kernels::FinishVariance(row, &count_[at], true);
      case AggregateOp::kStdvar: return kernels::FinishVariance(row, &count_[at], false);
      default: return;
    }
  }

  const Expr& aggregate_;
  OperatorPtr input_;
  std::vector<int> group_;  // Series -> group.
  int num_groups_ = 0, steps_ = 0, words_ = 0;
  // groups x steps and groups x words, row-major.
  std::vector<double> values_;
  std::vector<double> extra_;  // Compensation of sum and avg; mean of the variances.
  std::vector<double> count_;
  std::vector<uint64_t> present_, incremental_, flagged_;
  BorrowedSeries series_;                      // Of the input.
  std::optional<HistogramGroups> histograms_;  // Once a tile had some.
  std::vector<HistogramPtr> results_;          // groups x steps, or empty.
  int64_t charged_ = 0;
  bool folded_ = false;
  int next_ = 0;
};

}  // namespace

Groups MakeGroups(const Expr& aggregate, const BorrowedSeries& series) {
  Groups groups;
  const size_t n = series.labels.size();
  if (!aggregate.without && aggregate.grouping.empty()) {  // One group: no label is looked at.
    groups.of.assign(n, 0);
    if (n > 0) groups.labels.emplace_back();
  } else {
    std::vector<std::string> names = aggregate.grouping;
    if (aggregate.without) names.emplace_back(model::kMetricName);
    const LabelPicker picker = aggregate.without ? LabelPicker::AllBut(std::move(names))
                                                 : LabelPicker::Only(std::move(names));
    std::string key;
    if (!aggregate.without &&
        series.labels.GroupBy(picker.Names(series.hide_metadata), &groups.of)) {
      for (size_t i = 0; i < n; ++i) {
        if (groups.of[i] < static_cast<int>(groups.labels.size())) continue;
        picker.Pick(series.labels[i], series.hide_metadata, &key);
        groups.labels.push_back(model::Labels::FromCanonical(key));
      }
    } else {
      Numbering numbering;
      groups.of.reserve(n);
      for (const model::LabelsView labels : series.labels) {
        picker.Pick(labels, series.hide_metadata, &key);
        const int group = numbering.Number(key);
        if (group == static_cast<int>(groups.labels.size())) {
          groups.labels.push_back(model::Labels::FromCanonical(key));
        }
        groups.of.push_back(group);
      }
    }
  }
  return groups;
}

void InformOfIgnored(const Expr& aggregate, PositionRange pos, AnnotationSink* annotations) {
  annotations->Info(
      fmt::format("ignored histogram in {} aggregation", ToString(aggregate.aggregate)), pos);
}

OperatorPtr MakeAggregate(const Expr& aggregate, OperatorPtr input) {
  return std::make_unique<Aggregate>(aggregate, std::move(input));
}

}  // namespace promql
