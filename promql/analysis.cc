#include "promql/analysis.h"

#include <algorithm>
#include <utility>

#include <absl/time/clock.h>

#include "promql/printer.h"
#include "storage/base/status.h"
#include "storage/base/thread_bytes.h"

namespace promql {
namespace {

std::string_view NameOf(PlanKind kind) {
  switch (kind) {
    case PlanKind::kNumber: return "number";
    case PlanKind::kString: return "string";
    case PlanKind::kSelect: return "select";
    case PlanKind::kTimestamps: return "timestamps";
    case PlanKind::kStarts: return "starts";
    case PlanKind::kWindow: return "window";
    case PlanKind::kMatrix: return "samples";
    case PlanKind::kSubquery: return "subquery";
    case PlanKind::kCells: return "map";
    case PlanKind::kInfo: return "info";
    case PlanKind::kCall: return "function";
    case PlanKind::kNegate: return "negate";
    case PlanKind::kBinary: return "binary";
    case PlanKind::kAggregate: return "aggregate";
    case PlanKind::kStepInvariant: return "once";
  }
  return "";
}

class Measured final : public Operator {
 public:
  Measured(const PlanNode& plan, OperatorPtr op, Analysis* analysis)
      : plan_(plan), op_(std::move(op)), analysis_(analysis) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    Analysis::Call call(analysis_, plan_, &context.samples->looked_at());
    auto series = op_->Series(context);
    if (series.ok()) call.AddSeries(series->size());
    return series;
  }

  absl::StatusOr<BorrowedSeries> Borrow(Context& context) override {
    Analysis::Call call(analysis_, plan_, &context.samples->looked_at());
    auto series = op_->Borrow(context);
    if (series.ok()) call.AddSeries(series->labels.size());
    return series;
  }

  const std::vector<char>& drop_name() const override { return op_->drop_name(); }

  void LeaveOut(std::vector<char> series, bool floats_only) override {
    op_->LeaveOut(std::move(series), floats_only);
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    Analysis::Call call(analysis_, plan_, &context.samples->looked_at());
    auto more = op_->Next(context, out);
    if (more.ok()) call.AddRows(out->size());
    return more;
  }

  std::string Describe() const override { return op_->Describe(); }

 private:
  const PlanNode& plan_;
  OperatorPtr op_;
  Analysis* analysis_;
};

}  // namespace

class Analysis::Passing final : public Operator {
 public:
  Passing(OperatorPtr op, Analysis* analysis) : op_(std::move(op)), analysis_(analysis) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    const Inside inside(analysis_->innermost_, *context.samples);
    return op_->Series(context);
  }
  absl::StatusOr<BorrowedSeries> Borrow(Context& context) override {
    const Inside inside(analysis_->innermost_, *context.samples);
    return op_->Borrow(context);
  }
  const std::vector<char>& drop_name() const override { return op_->drop_name(); }
  void LeaveOut(std::vector<char> series, bool floats_only) override {
    op_->LeaveOut(std::move(series), floats_only);
  }
  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    const Inside inside(analysis_->innermost_, *context.samples);
    return op_->Next(context, out);
  }
  std::string Describe() const override { return op_->Describe(); }

 private:
  // All samples counted meanwhile are of the inputs of `call`.
  class Inside {
   public:
    Inside(Analysis::Call* call, const SampleTally& tally)
        : call_(call),
          tally_(tally),
          before_(tally.looked_at()),
          inside_before_(call == nullptr ? 0 : call->samples_inside_) {}
    ~Inside() {
      if (call_ == nullptr) return;
      call_->samples_inside_ = inside_before_ + tally_.looked_at() - before_;
    }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    Analysis::Call* const call_;
    const SampleTally& tally_;
    const int64_t before_, inside_before_;
  };

  OperatorPtr op_;
  Analysis* analysis_;
};

OperatorPtr Analysis::Pass(OperatorPtr op) {
  return std::make_unique<Passing>(std::move(op), this);
}

OperatorPtr Analysis::Measure(const PlanNode& plan, OperatorPtr op) {
  return std::make_unique<Measured>(plan, std::move(op), this);
}

NodeReport Analysis::Report(const PlanNode& root) const {
  Numbers numbers;
  Number(root, &numbers);
  return Report(root, numbers);
}

void Analysis::Number(const PlanNode& node, Numbers* numbers) const {
  numbers->emplace(&node, static_cast<int>(numbers->size()) + 1);
  if (shared_.contains(&node)) return;
  for (const auto& input : node.input) {
    if (input != nullptr) Number(*input, numbers);
  }
}

NodeReport Analysis::Report(const PlanNode& root, const Numbers& numbers) const {
  NodeReport report;
  report.number = numbers.at(&root);
  report.node = NameOf(root.kind);
  report.expression = ToString(*root.expr);
  report.steps = root.grid.size();
  if (const auto it = figures_.find(&root); it != figures_.end()) {
    const Figures& f = it->second;
    report.series = f.series;
    report.rows = f.rows;
    // What is repeated for all steps has been counted where it was read.
    report.samples = root.kind == PlanKind::kStepInvariant ? 0 : f.samples;
    report.bytes = f.peak_bytes;
    report.self_s = absl::ToDoubleSeconds(f.self);
    report.total_s = absl::ToDoubleSeconds(f.total);
  }
  if (const auto it = shared_.find(&root); it != shared_.end()) {
    report.shared_with = numbers.at(it->second);
    return report;
  }
  for (const auto& input : root.input) {
    if (input != nullptr) report.inputs.push_back(Report(*input, numbers));
  }
  // The points of a subquery go to its window as they are made.
  if (root.kind == PlanKind::kSubquery && !figures_.contains(&root) && !report.inputs.empty()) {
    const NodeReport& inside = report.inputs[0];
    report.series = inside.series, report.rows = inside.rows, report.total_s = inside.total_s;
  }
  return report;
}

Analysis::Call::Call(Analysis* analysis, const PlanNode& plan, const int64_t* samples_read)
    : analysis_(analysis),
      outer_(analysis->innermost_),
      plan_(plan),
      samples_read_(samples_read),
      samples_before_(*samples_read),
      bytes_before_(base::ThreadBytes()),
      begin_(absl::Now()) {
  analysis_->innermost_ = this;
}

Analysis::Call::~Call() {
  const absl::Duration time = absl::Now() - begin_;
  const int64_t bytes = base::ThreadBytes() - bytes_before_;
  const int64_t samples = *samples_read_ - samples_before_;
  Figures& f = analysis_->figures_[&plan_];
  f.total += time;
  f.self += time - time_inside_;
  f.bytes += bytes - bytes_inside_;
  f.peak_bytes = std::max(f.peak_bytes, f.bytes);
  f.samples += std::max<int64_t>(0, samples - samples_inside_);
  if (outer_ != nullptr) {
    outer_->time_inside_ += time;
    outer_->bytes_inside_ += bytes;
    if (outer_->samples_read_ == samples_read_) outer_->samples_inside_ += samples;
  }
  analysis_->innermost_ = outer_;
}

void Analysis::Call::AddSeries(size_t n) {
  analysis_->figures_[&plan_].series += static_cast<int64_t>(n);
}

void Analysis::Call::AddRows(int n) { analysis_->figures_[&plan_].rows += n; }

}  // namespace promql
