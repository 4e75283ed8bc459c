#include "promql/functions/histogram.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "promql/functions/bucket_groups.h"
#include "promql/functions/figures.h"
#include "promql/functions/messages.h"
#include "promql/histogram/statistics.h"
#include "promql/operators/histogram_cells.h"
#include "promql/operators/label_picker.h"
#include "promql/operators/table.h"
#include "promql/quantile.h"
#include "promql/signatures.h"
#include "storage/base/hash.h"
#include "storage/base/status.h"
#include "storage/model/number_text.h"

namespace promql {
namespace {

// All repairs of one query node, told of once: where, how much, how often, when.
struct Repairs {
  MonotonicFix worst;
  int64_t count = 0;
  model::TimeMs first = 0, last = 0;

  void Add(const MonotonicFix& fix, model::TimeMs at) {
    if (count++ == 0) {
      worst = fix;
      first = last = at;
      return;
    }
    worst.min_bound = std::min(worst.min_bound, fix.min_bound);
    worst.max_bound = std::max(worst.max_bound, fix.max_bound);
    worst.max_raise = std::max(worst.max_raise, fix.max_raise);
    first = std::min(first, at);
    last = std::max(last, at);
  }
};

// " for metric name "x"": only while the name is still on the series.
std::string ForMetric(const Context& context, std::string_view metric_name) {
  if (!context.delayed_name_removal || metric_name.empty()) return {};
  std::string text = " for metric name ";
  model::AppendQuoted(&text, metric_name);
  return text;
}

class HistogramFunction final : public Operator {
 public:
  HistogramFunction(const Expr& call, const Expr& histograms_arg,
                    std::unique_ptr<Figures> figures, OperatorPtr input)
      : call_(call),
        position_(ArgumentPosition(histograms_arg)),
        figures_(std::move(figures)),
        input_(std::move(input)) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    ASSIGN_OR_RETURN(const BorrowedSeries borrowed, Borrow(context));
    return VisibleLabels(borrowed);
  }

  absl::StatusOr<BorrowedSeries> Borrow(Context& context) override {
    RETURN_IF_ERROR(figures_->Prepare(context));
    ASSIGN_OR_RETURN(input_series_, input_->Borrow(context));
    groups_ = GroupBuckets(input_series_);
    if (context.watch != nullptr && context.watch->unordered.contains(&call_) &&
        HasEqualBounds(groups_)) {
      context.watch->hangs = true;
    }
    held_ = HeldRows(groups_.labels.size());
    natives_.resize(groups_.units.size());
    BorrowedSeries out;
    // What has no metadata because it is hidden needs no merging above.
    out.hide_metadata = input_series_.hide_metadata && !figures_->has_labels();
    std::vector<model::LabelsView> views;
    for (const BucketGroups::Unit& unit : groups_.units) {
      const model::LabelsView labels =
          unit.group >= 0 ? groups_.labels[unit.group].view() : input_series_.labels[unit.native];
      if (!figures_->has_labels()) {
        views.push_back(labels);
        continue;
      }
      const model::Labels visible = VisibleLabels(labels, input_series_.hide_metadata);
      for (int k = 0; k < figures_->count(); ++k) {
        labels_.push_back(figures_->LabelsOf(visible, k));
      }
    }
    if (figures_->has_labels()) views.assign(labels_.begin(), labels_.end());
    out.labels = std::move(views);
    return out;
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    out->Reset(context.grid.size());
    for (;;) {
      RETURN_IF_ERROR(CompleteUnits(context, out));
      if (out->full()) return true;
      if (at_end_) break;
      if (next_row_ == tile_.size()) {
        ASSIGN_OR_RETURN(const bool more, input_->Next(context, &tile_));
        next_row_ = 0;
        if (!more) {
          at_end_ = true;
          reached_ = static_cast<int>(groups_.series.size());
        }
        continue;
      }
      reached_ = tile_.rows[next_row_];
      RETURN_IF_ERROR(Take(context, reached_, tile_.row(next_row_++)));
    }
    if (out->size() > 0) return true;
    Report(context);
    return false;
  }

  std::string Describe() const override { return std::string(call_.function->name); }

 private:
  absl::Status Take(Context& context, int index, Row row) {
    const BucketGroups::Series& series = groups_.series[index];
    if (row.histograms != nullptr && HasHistograms(row)) {
      RETURN_IF_ERROR(context.Charge(row.steps));
      std::vector<HistogramPtr>& held = natives_[series.unit];
      held.resize(row.steps);
      for (int i = 0; i < row.steps; ++i) {
        if (row.has(i) && row.is_histogram(i)) held[i] = row.histograms[i];
      }
    }
    DropHistograms(row);
    if (series.group >= 0) {
      RETURN_IF_ERROR(context.Charge(row.steps));
      held_.Add(series.group, series.upper_bound, row);
      return absl::OkStatus();
    }
    if (!HasAny(row)) return absl::OkStatus();
    const model::LabelsView labels = input_series_.labels[index];
    std::string text = "bucket label \"le\" is missing or has a malformed value of ";
    model::AppendQuoted(&text, labels.Get("le"));
    context.annotations->Warn(text + ForMetric(context, labels.MetricName()), position_);
    return absl::OkStatus();
  }

  // Computes units that can get no more rows, until the tile is full.
  absl::Status CompleteUnits(Context& context, Tile* out) {
    while (!out->full() && next_unit_ < groups_.units.size() &&
           groups_.units[next_unit_].last <= reached_) {
      RETURN_IF_ERROR(Complete(context, static_cast<int>(next_unit_++), out));
    }
    return absl::OkStatus();
  }

  absl::Status Complete(Context& context, int index, Tile* out) {
    static const std::vector<HeldRows::Held> kNone;
    const BucketGroups::Unit& unit = groups_.units[index];
    const std::vector<HistogramPtr> native = std::move(natives_[index]);
    const std::vector<HeldRows::Held>& rows = unit.group >= 0 ? held_.Sorted(unit.group) : kNone;
    if (rows.empty() && native.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(figures_->Check());
    const int figures = figures_->count();
    const int first_row = out->size();
    for (int k = 0; k < figures; ++k) out->AddRow(index * figures + k);
    for (int i = 0; i < out->steps; ++i) {
      const model::FloatHistogram* h = native.empty() ? nullptr : native[i].get();
      present_.clear();
      for (const HeldRows::Held& row : rows) {
        if (row.has(i)) present_.push_back({row.upper_bound, row.values[i]});
      }
      if (h != nullptr && !present_.empty()) {
        context.annotations->Warn("vector contains a mix of classic and native histograms" +
                                      ForMetric(context, NameOf(unit)),
                                  position_);
        continue;
      }
      if (h != nullptr) {
        ComputeNative(context, unit, *h, i, first_row, out);
      } else if (!present_.empty()) {
        ComputeClassic(context, unit, i, first_row, out);
      }
    }
    context.Release(static_cast<int64_t>(rows.size() + (native.empty() ? 0 : 1)) * out->steps);
    if (unit.group >= 0) held_.Drop(unit.group);
    return absl::OkStatus();
  }

  void ComputeClassic(Context& context, const BucketGroups::Unit& unit, int step, int first_row,
                      Tile* out) {
    bool repaired = false;
    for (int k = 0; k < figures_->count(); ++k) {
      if (!figures_->Wants(k, step)) continue;
      buckets_ = present_;
      MonotonicFix fix;
      out->row(first_row + k).Set(step, figures_->Compute(k, step, &buckets_, &fix));
      if (fix.forced && !std::exchange(repaired, true)) {
        repairs_[ForMetric(context, NameOf(unit))].Add(fix, context.grid.at(step));
      }
    }
  }

  void ComputeNative(Context& context, const BucketGroups::Unit& unit,
                     const model::FloatHistogram& h, int step, int first_row, Tile* out) {
    for (int k = 0; k < figures_->count(); ++k) {
      if (!figures_->Wants(k, step)) continue;
      histogram::NanEffect effect;
      out->row(first_row + k).Set(step, figures_->Compute(k, step, h, &effect));
      if (effect == histogram::NanEffect::kNone) continue;
      context.annotations->Info(TextOf(effect) + ForMetric(context, NameOf(unit)), position_);
    }
  }

  static std::string TextOf(histogram::NanEffect effect) {
    switch (effect) {
      case histogram::NanEffect::kSkewed:
        return "input to histogram_quantile has NaN observations, result is skewed higher";
      case histogram::NanEffect::kIsNan:
        return "input to histogram_quantile has NaN observations, result is NaN";
      default:
        return "input to histogram_fraction has NaN observations, which are excluded from all "
               "fractions";
    }
  }

  std::string_view NameOf(const BucketGroups::Unit& unit) const {
    if (unit.group >= 0) return groups_.labels[unit.group].MetricName();
    return input_series_.hide_metadata ? std::string_view()
                                       : input_series_.labels[unit.native].MetricName();
  }

  void Report(Context& context) {
    for (const auto& [metric, repairs] : repairs_) {
      context.annotations->Info(
          fmt::format("input to histogram_quantile needed to be fixed for monotonicity (see "
                      "https://prometheus.io/docs/prometheus/latest/querying/functions/"
                      "#histogram_quantile){}, from buckets {} to {}, with a max diff of {}, over "
                      "{} samples from {} to {}",
                      metric, model::FormatFloat(repairs.worst.min_bound, 'g'),
                      model::FormatFloat(repairs.worst.max_bound, 'g'),
                      RoughText(repairs.worst.max_raise), repairs.count, Rfc3339(repairs.first),
                      Rfc3339(repairs.last)),
          position_);
    }
    repairs_.clear();
  }

  const Expr& call_;
  const PositionRange position_;
  std::unique_ptr<Figures> figures_;
  OperatorPtr input_;

  BorrowedSeries input_series_;
  BucketGroups groups_;
  std::vector<model::Labels> labels_;  // Of figures that have some.
  HeldRows held_{0};                   // By group.
  std::vector<std::vector<HistogramPtr>> natives_;  // By unit: by step, or empty.
  size_t next_unit_ = 0;
  Tile tile_;         // Of the input; rows before next_row_ are done with.
  int next_row_ = 0;
  int reached_ = -1;  // The last series taken.
  bool at_end_ = false;
  std::vector<Bucket> present_, buckets_;  // Of one step; kept for their memory.
  base::StringMap<Repairs> repairs_;
};

// A figure of each native histogram; floats give nothing.
class OfHistograms final : public Operator {
 public:
  using Function = double (*)(const model::FloatHistogram&);
  OfHistograms(const Expr& call, Function function, OperatorPtr input)
      : call_(call), function_(function), input_(std::move(input)) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    return input_->Series(context);
  }
  absl::StatusOr<BorrowedSeries> Borrow(Context& context) override {
    return input_->Borrow(context);
  }
  const std::vector<char>& drop_name() const override { return input_->drop_name(); }
  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    ASSIGN_OR_RETURN(const bool more, input_->Next(context, out));
    for (int r = 0; r < out->size(); ++r) {
      Row row = out->row(r);
      DropFloats(row);
      for (int i = 0; i < row.steps; ++i) {
        if (row.has(i)) row.Put(i, function_(*row.histograms[i]));
      }
    }
    return more;
  }
  std::string Describe() const override { return std::string(call_.function->name); }

 private:
  const Expr& call_;
  const Function function_;
  OperatorPtr input_;
};

OfHistograms::Function FindFunction(std::string_view name) {
  using H = model::FloatHistogram;
  if (name == "histogram_count") return [](const H& h) { return h.count; };
  if (name == "histogram_sum") return [](const H& h) { return h.sum; };
  if (name == "histogram_avg") return [](const H& h) { return h.sum / h.count; };
  if (name == "histogram_stdvar") return histogram::Variance;
  return [](const H& h) { return std::sqrt(histogram::Variance(h)); };
}

}  // namespace

OperatorPtr MakeHistogramQuantile(const Expr& call, std::vector<OperatorPtr> args) {
  return std::make_unique<HistogramFunction>(call, *call.args[1],
                                             MakeQuantileFigure(call, std::move(args[0])),
                                             std::move(args[1]));
}

OperatorPtr MakeHistogramQuantiles(const Expr& call, std::vector<OperatorPtr> args) {
  OperatorPtr input = std::move(args[0]);
  args.erase(args.begin(), args.begin() + 2);
  return std::make_unique<HistogramFunction>(
      call, *call.args[0], MakeQuantileFigures(call, std::move(args)), std::move(input));
}

OperatorPtr MakeHistogramFraction(const Expr& call, std::vector<OperatorPtr> args) {
  return std::make_unique<HistogramFunction>(
      call, *call.args[2], MakeFractionFigure(std::move(args[0]), std::move(args[1])),
      std::move(args[2]));
}

OperatorPtr MakeNativeHistogramOnly(const Expr& call, std::vector<OperatorPtr> args) {
  return std::make_unique<OfHistograms>(call, FindFunction(call.function->name),
                                        std::move(args[0]));
}

}  // namespace promql
