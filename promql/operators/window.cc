#include "promql/operators/window.h"

#include <algorithm>
#include <utility>

#include "promql/functions/messages.h"
#include "promql/operators/label_picker.h"
#include "promql/operators/table.h"
#include "promql/printer.h"
#include "promql/signatures.h"
#include "storage/base/status.h"

namespace promql {
namespace {

bool LooksLikeCounter(std::string_view name) {
  return name.ends_with("_total") || name.ends_with("_sum") || name.ends_with("_count") ||
         name.ends_with("_bucket");
}

class Window final : public Operator {
 public:
  Window(const PlanNode& plan, const WindowSpec& spec, std::unique_ptr<SampleSource> source,
         std::vector<OperatorPtr> params)
      : plan_(plan), spec_(spec), source_(std::move(source)), params_(std::move(params)) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    ASSIGN_OR_RETURN(const BorrowedSeries borrowed, Borrow(context));
    std::vector<model::Labels> series;
    series.reserve(borrowed.labels.size());
    for (const model::LabelsView labels : borrowed.labels) {
      series.push_back(VisibleLabels(labels, borrowed.hide_metadata));
    }
    return series;
  }

  absl::StatusOr<BorrowedSeries> Borrow(Context& context) override {
    for (const OperatorPtr& param : params_) {
      ASSIGN_OR_RETURN(std::vector<double> values, DrainScalar(context, param.get()));
      param_values_.push_back(std::move(values));
    }
    for (const std::vector<double>& values : param_values_) {
      param_columns_.push_back(values.data());
    }
    ASSIGN_OR_RETURN(BorrowedSeries series, source_->Borrow(context));
    drop_name_ = source_->drop_name();
    if (spec_.wants_counter && !series.hide_metadata) names_ = series.labels;
    return series;
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    out->Reset(plan_.windows.steps);
    while (!out->full()) {
      int series = 0;
      ASSIGN_OR_RETURN(const bool more, source_->Next(context, &samples_, &series));
      if (!more) break;
      *context.samples_read += CountInWindows(samples_, plan_.windows);
      Row row = out->AddRow(series);
      spec_.run(samples_, plan_.windows, context.grid, param_columns_, row);
      if (spec_.check != nullptr) {
        RETURN_IF_ERROR(spec_.check(*plan_.expr, param_columns_, row, context.annotations));
      }
      if (!HasAny(row)) {
        out->DropLastRow();
      } else if (spec_.wants_counter && !names_.empty()) {
        CheckName(context, names_[series].MetricName());
      }
    }
    return out->size() > 0;
  }

  std::string Describe() const override {
    return fmt::format("{} over windows: {}", plan_.expr->function->name, ToString(*plan_.expr));
  }

 private:
  void CheckName(Context& context, std::string_view name) {
    if (name.empty() || name == checked_name_ || LooksLikeCounter(name)) return;
    checked_name_ = name;
    std::string text =
        "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ";
    model::AppendQuoted(&text, name);
    context.annotations->Info(text, ArgumentPosition(*plan_.expr->args[0]));
  }

  const PlanNode& plan_;
  const WindowSpec spec_;
  std::unique_ptr<SampleSource> source_;
  std::vector<OperatorPtr> params_;
  std::vector<std::vector<double>> param_values_;
  std::vector<const double*> param_columns_;
  std::vector<model::LabelsView> names_;  // Only of functions that want a counter.
  std::string checked_name_;              // Names repeat from series to series.
  chunk::SampleColumns samples_;
};

}  // namespace

int64_t CountInWindows(const chunk::SampleColumns& samples, const WindowGrid& windows) {
  const model::TimeMs* times = samples.times.data();
  const size_t n = samples.size();
  size_t begin = 0, end = 0;
  int64_t count = 0;
  model::TimeMs last = windows.first_end;
  for (int i = 0; i < windows.steps; ++i, last += windows.step_ms) {
    const model::TimeMs before = last - windows.range_ms;
    while (end < n && times[end] <= last) ++end;
    while (begin < end && times[begin] <= before) ++begin;
    count += static_cast<int64_t>(end - begin);
  }
  return count;
}

OperatorPtr MakeWindow(const PlanNode& plan, const WindowSpec& spec,
                       std::unique_ptr<SampleSource> source, std::vector<OperatorPtr> params) {
  return std::make_unique<Window>(plan, spec, std::move(source), std::move(params));
}

}  // namespace promql
