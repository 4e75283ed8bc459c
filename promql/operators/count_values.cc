#include <bit>
#include <tuple>
#include <utility>

#include <absl/container/flat_hash_map.h>

#include "promql/operators/label_picker.h"
#include "promql/operators/rank.h"
#include "promql/operators/table.h"
#include "storage/base/status.h"
#include "storage/model/histogram_text.h"
#include "storage/model/number_text.h"

namespace promql {
namespace {

class CountValues final : public Operator {
 public:
  CountValues(const Expr& aggregate, OperatorPtr input, std::string label)
      : aggregate_(aggregate), input_(std::move(input)), label_(std::move(label)) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    ASSIGN_OR_RETURN(const BorrowedSeries series, input_->Borrow(context));
    MakeGroups(series);
    counts_.Reset(context.grid.size());
    Tile tile;
    for (;;) {
      ASSIGN_OR_RETURN(const bool more, input_->Next(context, &tile));
      if (!more) return std::move(labels_);
      for (int i = 0; i < tile.size(); ++i) {
        RETURN_IF_ERROR(Count(context, tile.row(i), group_[tile.rows[i]]));
      }
    }
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    out->Reset(counts_.steps);
    for (; next_ < counts_.size() && !out->full(); ++next_) {
      CopyRow(counts_.row(next_), next_, out);
    }
    if (out->size() > 0) return true;
    context.Release(std::exchange(charged_, 0));
    return false;
  }

  std::string Describe() const override { return "count_values, reads its input first"; }

 private:
  // Groups by all but the label that will carry the value.
  void MakeGroups(const BorrowedSeries& series) {
    std::vector<std::string> names = aggregate_.grouping;
    if (aggregate_.without) {
      names.emplace_back(model::kMetricName);
      for (const std::string& name : names) label_is_dropped_ |= name == label_;
      names.push_back(label_);
    } else {
      std::erase(names, label_);
    }
    const LabelPicker picker = aggregate_.without ? LabelPicker::AllBut(std::move(names))
                                                  : LabelPicker::Only(std::move(names));
    Numbering numbering;
    std::string key;
    for (const model::LabelsView labels : series.labels) {
      picker.Pick(labels, series.hide_metadata, &key);
      group_.push_back(numbering.Number(key));
      if (group_.back() == static_cast<int>(group_labels_.size())) {
        group_labels_.push_back(model::Labels::FromCanonical(key));
      }
    }
  }

  absl::Status Count(Context& context, const Row& row, int group) {
    for (int step = 0; step < row.steps; ++step) {
      if (!row.has(step)) continue;
      std::string text;
      uint64_t value = 0;
      if (row.is_histogram(step)) {
        text = model::ToString(*row.histograms[step]);
      } else if (!label_is_dropped_) {
        // All NaN read the same.
        const double v = row.values[step];
        value = std::bit_cast<uint64_t>(v != v ? model::NormalNan() : v);
      }
      if (label_is_dropped_) text.clear();
      const auto [it, added] = results_.try_emplace({group, value, text}, counts_.size());
      if (added) {
        RETURN_IF_ERROR(context.Charge(counts_.steps));
        charged_ += counts_.steps;
        counts_.AddRow(it->second);
        model::LabelsBuilder builder(group_labels_[group]);
        if (!label_is_dropped_) {
          builder.Set(label_, text.empty()
                                  ? model::FormatFloat(std::bit_cast<double>(value), 'f')
                                  : text);
        }
        labels_.push_back(builder.Build());
      }
      Row counts = counts_.row(it->second);
      counts.Set(step, counts.has(step) ? counts.values[step] + 1 : 1);
    }
    return absl::OkStatus();
  }

  const Expr& aggregate_;
  OperatorPtr input_;
  const std::string label_;
  bool label_is_dropped_ = false;  // without(label): values are counted together.
  std::vector<int> group_;         // Series -> group.
  std::vector<model::Labels> group_labels_;
  // Group and value, a float's bits or a histogram's text -> row of counts_.
  absl::flat_hash_map<std::tuple<int, uint64_t, std::string>, int> results_;
  std::vector<model::Labels> labels_;
  Tile counts_;
  int64_t charged_ = 0;
  int next_ = 0;
};

}  // namespace

OperatorPtr MakeCountValues(const Expr& aggregate, OperatorPtr input, std::string label) {
  return std::make_unique<CountValues>(aggregate, std::move(input), std::move(label));
}

}  // namespace promql
