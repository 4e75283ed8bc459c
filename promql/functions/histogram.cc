#include "promql/functions/histogram.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "promql/functions/bucket_groups.h"
#include "promql/functions/messages.h"
#include "promql/operators/table.h"
#include "promql/quantile.h"
#include "promql/signatures.h"
#include "storage/base/hash.h"
#include "storage/base/status.h"
#include "storage/model/number_text.h"

namespace promql {
namespace {

// What is computed of the buckets at one step: one figure or several.
class Figures {
 public:
  virtual ~Figures() = default;
  virtual absl::Status Prepare(Context& context) = 0;
  virtual int count() const { return 1; }
  // The labels of the k-th figure's series.
  virtual model::Labels LabelsOf(const model::Labels& group, int) const { return group; }
  // May reorder and repair *buckets.
  virtual double Compute(int k, int step, std::vector<Bucket>* buckets, MonotonicFix* fix) = 0;
};

class QuantileFigure final : public Figures {
 public:
  QuantileFigure(const Expr& arg, OperatorPtr q) : arg_(arg), q_(std::move(q)) {}
  absl::Status Prepare(Context& context) override {
    ASSIGN_OR_RETURN(quantiles_, DrainScalar(context, q_.get()));
    for (size_t i = 0; i < quantiles_.size(); ++i) {
      if (i > 0 && quantiles_[i] == quantiles_[i - 1]) continue;
      WarnOfQuantile(quantiles_[i], arg_, context.annotations);
    }
    return absl::OkStatus();
  }
  double Compute(int, int step, std::vector<Bucket>* buckets, MonotonicFix* fix) override {
    return BucketQuantile(quantiles_[step], buckets, fix);
  }

 private:
  const Expr& arg_;
  OperatorPtr q_;
  std::vector<double> quantiles_;
};

class ManyQuantiles final : public Figures {
 public:
  ManyQuantiles(const Expr& call, std::vector<OperatorPtr> scalars)
      : call_(call), scalars_(std::move(scalars)) {}
  absl::Status Prepare(Context& context) override {
    for (size_t k = 0; k < scalars_.size(); ++k) {
      ASSIGN_OR_RETURN(const std::vector<double> values, DrainScalar(context, scalars_[k].get()));
      const auto same = [&](double v) {
        return v == values[0] || (std::isnan(v) && std::isnan(values[0]));
      };
      if (!std::all_of(values.begin(), values.end(), same)) {
        return base::Unimplemented(
            "histogram_quantiles with a quantile that changes from step to step is not supported "
            "yet");
      }
      quantiles_.push_back(values[0]);
      WarnOfQuantile(values[0], *call_.args[k + 2], context.annotations);
    }
    return absl::OkStatus();
  }
  int count() const override { return static_cast<int>(quantiles_.size()); }
  model::Labels LabelsOf(const model::Labels& group, int k) const override {
    return model::LabelsBuilder(group)
        .Set(TextArgument(*call_.args[1]), OpenMetricsText(quantiles_[k]))
        .Build();
  }
  double Compute(int k, int, std::vector<Bucket>* buckets, MonotonicFix* fix) override {
    return BucketQuantile(quantiles_[k], buckets, fix);
  }

 private:
  const Expr& call_;
  std::vector<OperatorPtr> scalars_;
  std::vector<double> quantiles_;
};

class FractionFigure final : public Figures {
 public:
  FractionFigure(OperatorPtr lower, OperatorPtr upper)
      : lower_(std::move(lower)), upper_(std::move(upper)) {}
  absl::Status Prepare(Context& context) override {
    ASSIGN_OR_RETURN(lowers_, DrainScalar(context, lower_.get()));
    ASSIGN_OR_RETURN(uppers_, DrainScalar(context, upper_.get()));
    return absl::OkStatus();
  }
  double Compute(int, int step, std::vector<Bucket>* buckets, MonotonicFix*) override {
    return BucketFraction(lowers_[step], uppers_[step], buckets);
  }

 private:
  OperatorPtr lower_, upper_;
  std::vector<double> lowers_, uppers_;
};

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
    RETURN_IF_ERROR(figures_->Prepare(context));
    ASSIGN_OR_RETURN(const std::vector<model::Labels> input, input_->Series(context));
    groups_ = GroupBuckets(input);
    held_ = HeldRows(groups_.labels.size());
    std::vector<model::Labels> out;
    for (const model::Labels& group : groups_.labels) {
      for (int k = 0; k < figures_->count(); ++k) out.push_back(figures_->LabelsOf(group, k));
    }
    return out;
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    out->Reset(context.grid.size());
    for (;;) {
      CompleteGroups(context, out);
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
  absl::Status Take(Context& context, int index, const Row& row) {
    const BucketGroups::Series& series = groups_.series[index];
    if (series.group >= 0) {
      RETURN_IF_ERROR(context.Charge(row.steps));
      held_.Add(series.group, series.upper_bound, row);
      return absl::OkStatus();
    }
    if (!HasAny(row)) return absl::OkStatus();
    std::string text = "bucket label \"le\" is missing or has a malformed value of ";
    model::AppendQuoted(&text, series.bad_label);
    context.annotations->Warn(text + ForMetric(context, series.metric_name), position_);
    return absl::OkStatus();
  }

  // Computes groups that can get no more rows, until the tile is full.
  void CompleteGroups(Context& context, Tile* out) {
    while (!out->full() && next_group_ < groups_.labels.size() &&
           groups_.last_member[next_group_] <= reached_) {
      Complete(context, static_cast<int>(next_group_++), out);
    }
  }

  void Complete(Context& context, int group, Tile* out) {
    const std::vector<HeldRows::Held>& rows = held_.Sorted(group);
    if (rows.empty()) return;
    const int figures = figures_->count();
    const int first_row = out->size();
    for (int k = 0; k < figures; ++k) out->AddRow(group * figures + k);
    for (int i = 0; i < out->steps; ++i) {
      present_.clear();
      for (const HeldRows::Held& row : rows) {
        if (row.has(i)) present_.push_back({row.upper_bound, row.values[i]});
      }
      if (present_.empty()) continue;
      bool repaired = false;
      for (int k = 0; k < figures; ++k) {
        buckets_ = present_;
        MonotonicFix fix;
        out->row(first_row + k).Set(i, figures_->Compute(k, i, &buckets_, &fix));
        if (fix.forced && !std::exchange(repaired, true)) Note(context, group, fix, i);
      }
    }
    context.Release(static_cast<int64_t>(rows.size()) * out->steps);
    held_.Drop(group);
  }

  void Note(Context& context, int group, const MonotonicFix& fix, int step) {
    repairs_[ForMetric(context, groups_.labels[group].MetricName())].Add(fix,
                                                                         context.grid.at(step));
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

  BucketGroups groups_;
  HeldRows held_{0};
  size_t next_group_ = 0;
  Tile tile_;         // Of the input; rows before next_row_ are done with.
  int next_row_ = 0;
  int reached_ = -1;  // The last series taken.
  bool at_end_ = false;
  std::vector<Bucket> present_, buckets_;  // Of one step; kept for their memory.
  base::StringMap<Repairs> repairs_;
};

// Gives nothing, after the input has been run for its errors and warnings.
class Nothing final : public Operator {
 public:
  Nothing(const Expr& call, OperatorPtr input) : call_(call), input_(std::move(input)) {}
  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    RETURN_IF_ERROR(input_->Borrow(context).status());
    return std::vector<model::Labels>{};
  }
  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    for (;;) {
      ASSIGN_OR_RETURN(const bool more, input_->Next(context, out));
      if (!more) return false;
    }
  }
  std::string Describe() const override { return std::string(call_.function->name); }

 private:
  const Expr& call_;
  OperatorPtr input_;
};

}  // namespace

OperatorPtr MakeHistogramQuantile(const Expr& call, std::vector<OperatorPtr> args) {
  auto figure = std::make_unique<QuantileFigure>(*call.args[0], std::move(args[0]));
  return std::make_unique<HistogramFunction>(call, *call.args[1], std::move(figure),
                                             std::move(args[1]));
}

OperatorPtr MakeHistogramQuantiles(const Expr& call, std::vector<OperatorPtr> args) {
  OperatorPtr input = std::move(args[0]);
  args.erase(args.begin(), args.begin() + 2);
  return std::make_unique<HistogramFunction>(
      call, *call.args[0], std::make_unique<ManyQuantiles>(call, std::move(args)),
      std::move(input));
}

OperatorPtr MakeHistogramFraction(const Expr& call, std::vector<OperatorPtr> args) {
  auto figure = std::make_unique<FractionFigure>(std::move(args[0]), std::move(args[1]));
  return std::make_unique<HistogramFunction>(call, *call.args[2], std::move(figure),
                                             std::move(args[2]));
}

OperatorPtr MakeNativeHistogramOnly(const Expr& call, std::vector<OperatorPtr> args) {
  return std::make_unique<Nothing>(call, std::move(args[0]));
}

}  // namespace promql
