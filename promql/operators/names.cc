#include "promql/operators/names.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "promql/operators/histogram_cells.h"
#include "promql/operators/label_picker.h"
#include "promql/operators/table.h"
#include "storage/base/status.h"

namespace promql {
namespace {

// Whether the labels are distinct without their metadata because all have the same name in front
// and nothing else to lose. Says no when it would have to look closer.
bool SameNameThroughout(const LabelsList& series) {
  if (series.empty() || series[0].empty()) return false;
  const model::Label first = *series[0].begin();
  if (first.name != model::kMetricName) return false;
  std::string prefix;
  model::AppendLabel(&prefix, first.name, first.value);
  return std::all_of(series.begin(), series.end(), [&](model::LabelsView labels) {
    if (!labels.bytes().starts_with(prefix)) return false;
    const std::string_view rest = labels.bytes().substr(prefix.size());
    return rest.size() < 3 || rest.substr(1, 2) != "__";
  });
}

bool HasTypeOrUnit(model::LabelsView labels) {
  return labels.Has("__type__") || labels.Has("__unit__");
}

// When series that are merged without losing anything are looked at, and in what order.
enum class Judged {
  kByStep,        // Step by step; those of an instant query only when it ends.
  kByStepAtOnce,  // Likewise, those of an instant query too.
  kBySeries,      // Series after series.
};

class SameLabels final : public Operator {
 public:
  SameLabels(OperatorPtr input, std::optional<Drop> drop, OnSameLabels rule,
             Judged judged = Judged::kByStep)
      : input_(std::move(input)), drop_(drop), rule_(rule), judged_(judged) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    ASSIGN_OR_RETURN(const BorrowedSeries borrowed, Borrow(context));
    return VisibleLabels(borrowed);
  }

  absl::StatusOr<BorrowedSeries> Borrow(Context& context) override {
    ASSIGN_OR_RETURN(BorrowedSeries series, input_->Borrow(context));
    if (drop_.has_value() && context.delayed_name_removal) {
      drop_name_.assign(series.labels.size(), 1);
      return series;
    }
    if (drop_.has_value()) {
      if (series.hide_metadata) return series;
      if (drop_ == Drop::kNameOnly && TakeNames(&series)) {
        if (context.watch != nullptr) context.watch->hangs = true;
        Group(&series);
        return series;
      }
      series.hide_metadata = true;
      if (SameNameThroughout(series.labels)) return series;
      // With one name throughout, these alone can be what tells two series apart.
      if (context.watch != nullptr &&
          std::any_of(series.labels.begin(), series.labels.end(), HasTypeOrUnit)) {
        context.watch->hangs = true;
      }
    } else if (judged_ == Judged::kByStep && context.delayed_name_removal && context.grid.size() == 1) {
      return series;  // Judged when the query ends.
    }
    Group(&series);
    return series;
  }

  const std::vector<char>& drop_name() const override {
    return group_.empty() && !drop_.has_value() ? input_->drop_name() : drop_name_;
  }

  // Those that may meet another are looked at here.
  void LeaveOut(std::vector<char> series, bool floats_only) override {
    if (group_.empty()) return input_->LeaveOut(std::move(series), floats_only);
    if (rule_ == OnSameLabels::kReject) return;
    std::vector<char> inputs(group_.size());
    for (size_t i = 0; i < group_.size(); ++i) {
      inputs[i] = group_[i] < num_single_ && series[group_[i]];
    }
    input_->LeaveOut(std::move(inputs), floats_only);
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    if (group_.empty()) return input_->Next(context, out);
    if (rule_ == OnSameLabels::kReject) return NextRejecting(context, out);
    for (;;) {
      ASSIGN_OR_RETURN(const bool more, input_->Next(context, &tile_));
      if (!more) return Flush(context, out);
      out->Reset(tile_.steps);
      for (int i = 0; i < tile_.size(); ++i) {
        const int series = tile_.rows[i];
        const int group = group_[series];
        if (group < num_single_) {
          CopyRow(tile_.row(i), group, out);
          if (!drop_name_.empty()) drop_name_[group] = input_->drop_name()[series];
        } else {
          RETURN_IF_ERROR(Merge(context, tile_.row(i), series, group - num_single_));
        }
      }
      if (out->size() > 0) return true;
    }
  }

  std::string Describe() const override { 
    return drop_.has_value() ? "drop names" : "merge equal series";
  }

 private:
  // The labels without the name, where there is other metadata to stay.
  bool TakeNames(BorrowedSeries* series) {
    if (std::none_of(series->labels.begin(), series->labels.end(), HasTypeOrUnit)) return false;
    nameless_.reserve(series->labels.size());
    for (const model::LabelsView labels : series->labels) {
      nameless_.push_back(model::LabelsBuilder(labels).Remove(model::kMetricName).Build());
    }
    series->labels = std::vector<model::LabelsView>(nameless_.begin(), nameless_.end());
    return true;
  }

  // Numbers the output series: those that stay alone first, as they pass through at once. Leaves
  // group_ empty when all do.
  void Group(BorrowedSeries* series) {
    Numbering numbering;
    std::vector<int> numbers, members;
    const LabelPicker all = LabelPicker::AllBut({});
    std::string key;
    for (const model::LabelsView labels : series->labels) {
      all.Pick(labels, series->hide_metadata, &key);
      numbers.push_back(numbering.Number(key));
      members.resize(numbering.size());
      ++members[numbers.back()];
    }
    if (numbering.size() == static_cast<int>(numbers.size())) return;
    if (rule_ == OnSameLabels::kReject) {
      group_ = std::move(numbers);
      seen_.resize(members.size());
      return;
    }
    std::vector<int> place(members.size(), -1);  // Group -> output series.
    std::vector<model::LabelsView> labels;
    group_.resize(numbers.size());
    for (const bool alone : {true, false}) {
      for (size_t i = 0; i < numbers.size(); ++i) {
        const int n = numbers[i];
        if ((members[n] == 1) != alone) continue;
        if (place[n] < 0) {
          place[n] = static_cast<int>(labels.size());
          labels.push_back(series->labels[i]);
        }
        group_[i] = place[n];
      }
      if (alone) num_single_ = static_cast<int>(labels.size());
    }
    series->labels = std::move(labels);
    if (!input_->drop_name().empty()) drop_name_.resize(series->labels.size());
    held_row_.assign(series->labels.size() - num_single_, -1);
  }

  absl::StatusOr<bool> NextRejecting(Context& context, Tile* out) {
    ASSIGN_OR_RETURN(const bool more, input_->Next(context, out));
    for (int i = 0; i < out->size(); ++i) {
      if (!HasAny(out->row(i))) continue;
      char& seen = seen_[group_[out->rows[i]]];
      if (seen) return SameLabelsetError();
      seen = 1;
    }
    return more;
  }

  absl::Status Merge(Context& context, const Row& row, int series, int group) {
    if (!HasAny(row)) return absl::OkStatus();
    if (!drop_name_.empty()) {
      const bool first = held_row_[group] < 0;
      if (first || (judged_ != Judged::kBySeries &&
                    FirstStep(row) < FirstStep(held_.row(held_row_[group])))) {
        drop_name_[num_single_ + group] = input_->drop_name()[series];
      }
    }
    if (held_.steps == 0) held_.Reset(row.steps);
    if (held_row_[group] < 0) {
      RETURN_IF_ERROR(context.Charge(row.steps));
      charged_ += row.steps;
      held_row_[group] = held_.size();
      CopyRow(row, num_single_ + group, &held_);
      return absl::OkStatus();
    }
    Row into = held_.row(held_row_[group]);
    if (row.histograms != nullptr) into = held_.histogram_row(held_row_[group]);
    for (int i = 0; i < row.steps; ++i) {
      if (!row.has(i)) continue;
      if (into.has(i)) return SameLabelsetError();
      CopyCell(row, i, into);
    }
    return absl::OkStatus();
  }

  // The next of the merged rows, in the order of their numbers.
  bool Flush(Context& context, Tile* out) {
    out->Reset(context.grid.size());
    while (next_held_ < held_row_.size() && !out->full()) {
      const int at = held_row_[next_held_++];
      if (at >= 0) CopyRow(held_.row(at), held_.rows[at], out);
    }
    if (out->size() > 0) return true;
    context.Release(std::exchange(charged_, 0));
    return false;
  }

  OperatorPtr input_;
  const std::optional<Drop> drop_;
  const OnSameLabels rule_;
  const Judged judged_;
  std::vector<model::Labels> nameless_;
  std::vector<int> group_;      // Input series -> output series. Empty: they are the same.
  std::vector<char> seen_;      // kReject, by group: whether a series of it had a value.
  int num_single_ = 0;          // kMerge: output series below this have one input.
  std::vector<int> held_row_;   // kMerge: the others -> row of held_, or -1.
  size_t next_held_ = 0;
  int64_t charged_ = 0;
  Tile tile_, held_;
};

}  // namespace

OperatorPtr DropNames(OperatorPtr input, OnSameLabels rule, Drop what) {
  return std::make_unique<SameLabels>(std::move(input), what, rule);
}

OperatorPtr MergeSame(OperatorPtr input, bool at_once) {
  return std::make_unique<SameLabels>(std::move(input), std::nullopt, OnSameLabels::kMerge,
                                      at_once ? Judged::kByStepAtOnce : Judged::kByStep);
}

OperatorPtr MergeRelabeled(OperatorPtr input) {
  return std::make_unique<SameLabels>(std::move(input), std::nullopt, OnSameLabels::kMerge,
                                      Judged::kBySeries);
}

absl::Status SameLabelsetError() {
  return base::Aborted("vector cannot contain metrics with the same labelset");
}

}  // namespace promql
