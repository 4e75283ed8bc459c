#include "promql/functions/scalar.h"

#include <algorithm>
#include <functional>
#include <numbers>
#include <string>
#include <utility>

#include "promql/functions/date.h"
#include "promql/functions/extremum.h"
#include "promql/operators/table.h"
#include "promql/signatures.h"
#include "storage/base/status.h"
#include "storage/model/sample.h"

namespace promql {
namespace {

// One row without labels, filled by Compute in its only Next.
class OneRow : public Operator {
 public:
  explicit OneRow(const Expr& call) : call_(call) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    RETURN_IF_ERROR(Open(context));
    return std::vector<model::Labels>(1);
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    out->Reset(context.grid.size());
    if (std::exchange(done_, true)) return false;
    RETURN_IF_ERROR(Compute(context, out->AddRow(0)));
    return true;
  }

  std::string Describe() const override { return std::string(call_.function->name); }

 private:
  virtual absl::Status Open(Context&) { return absl::OkStatus(); }
  virtual absl::Status Compute(Context& context, Row row) = 0;

  const Expr& call_;
  bool done_ = false;
};

class Scalar final : public OneRow {
 public:
  Scalar(const Expr& call, OperatorPtr input) : OneRow(call), input_(std::move(input)) {}

 private:
  absl::Status Open(Context& context) override { return input_->Borrow(context).status(); }

  absl::Status Compute(Context& context, Row row) override {
    std::vector<char> seen(row.steps);
    for (int i = 0; i < row.steps; ++i) row.Set(i, model::NormalNan());
    Tile tile;
    for (;;) {
      ASSIGN_OR_RETURN(const bool more, input_->Next(context, &tile));
      if (!more) return absl::OkStatus();
      for (int r = 0; r < tile.size(); ++r) {
        const Row in = tile.row(r);
        for (int i = 0; i < in.steps; ++i) {
          if (!in.has(i) || in.is_histogram(i)) continue;
          row.values[i] = seen[i] ? model::NormalNan() : in.values[i];
          seen[i] = 1;
        }
      }
    }
  }

  OperatorPtr input_;
};

// f of the context and the step.
class StepFunction final : public OneRow {
 public:
  using Function = std::function<double(const Context&, int step)>;
  StepFunction(const Expr& call, Function f) : OneRow(call), f_(std::move(f)) {}

 private:
  absl::Status Compute(Context& context, Row row) override {
    for (int i = 0; i < row.steps; ++i) row.Set(i, f_(context, i));
    return absl::OkStatus();
  }

  const Function f_;
};

// min_of, max_of.
class OfTwo final : public OneRow {
 public:
  OfTwo(const Expr& call, std::vector<OperatorPtr> args, double (*f)(double, double))
      : OneRow(call), args_(std::move(args)), f_(f) {}

 private:
  absl::Status Compute(Context& context, Row row) override {
    ASSIGN_OR_RETURN(const std::vector<double> a, DrainScalar(context, args_[0].get()));
    ASSIGN_OR_RETURN(const std::vector<double> b, DrainScalar(context, args_[1].get()));
    for (int i = 0; i < row.steps; ++i) row.Set(i, f_(a[i], b[i]));
    return absl::OkStatus();
  }

  std::vector<OperatorPtr> args_;
  double (*const f_)(double, double);
};

double Seconds(model::TimeMs t) { return static_cast<double>(t) / 1000; }

StepFunction::Function FindStepFunction(std::string_view name) {
  if (name == "time") return [](const Context& c, int i) { return Seconds(c.grid.at(i)); };
  if (name == "pi") return [](const Context&, int) { return std::numbers::pi; };
  if (name == "start") return [](const Context& c, int) { return Seconds(c.query_grid.start); };
  if (name == "end") return [](const Context& c, int) { return Seconds(c.query_grid.end); };
  if (name == "range") {
    return [](const Context& c, int) { return Seconds(c.query_grid.end - c.query_grid.start); };
  }
  if (name == "step") {
    return [](const Context& c, int) {
      return c.query_grid.start == c.query_grid.end ? 0 : Seconds(c.query_grid.step_ms);
    };
  }
  if (const std::optional<DatePart> part = FindDatePart(name)) {
    return [part](const Context& c, int i) { return GetDatePart(*part, c.grid.at(i) / 1000); };
  }
  return nullptr;
}

}  // namespace

OperatorPtr MakeScalar(const Expr& call, std::vector<OperatorPtr> args) {
  return std::make_unique<Scalar>(call, std::move(args[0]));
}

OperatorPtr MakeStepFunction(const Expr& call, std::vector<OperatorPtr> args) {
  const std::string_view name = call.function->name;
  if (name == "max_of") return std::make_unique<OfTwo>(call, std::move(args), Larger);
  if (name == "min_of") return std::make_unique<OfTwo>(call, std::move(args), Smaller);
  if (!args.empty()) return nullptr;
  StepFunction::Function f = FindStepFunction(name);
  if (f == nullptr) return nullptr;
  return std::make_unique<StepFunction>(call, std::move(f));
}

}  // namespace promql
