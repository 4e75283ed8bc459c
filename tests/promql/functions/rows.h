// Rows to feed operators with, and a query's context to run them in.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "promql/functions/functions.h"
#include "promql/operator.h"
#include "promql/parser.h"

namespace promql {

struct TestSeries {
  model::Labels labels;
  std::vector<std::optional<double>> values;  // One a step; nothing where absent.
  friend bool operator==(const TestSeries&, const TestSeries&) = default;
};

// NaN is written as this, so that series can be compared with ==.
inline constexpr double kNanShown = -9e99;

void PrintTo(const TestSeries& series, std::ostream* out);

// An operator that yields `series`, `rows_per_tile` at a time.
OperatorPtr MakeRows(std::vector<TestSeries> series, int rows_per_tile = 3);
// A scalar: one series without labels.
OperatorPtr MakeScalarRow(std::vector<double> values);

// A context over `steps` steps from `start`; one step makes an instant query.
class TestQuery {
 public:
  explicit TestQuery(std::string text, int steps = 1, model::TimeMs start = 0,
                     int64_t step_ms = 60'000);

  Context& context() { return context_; }
  const Expr& expr() const { return *expr_; }
  // Builds the operator for the query text, which is a call; runs it to its end.
  absl::StatusOr<std::vector<TestSeries>> Run(std::vector<OperatorPtr> args);
  // Warnings, then infos.
  std::vector<std::string> TakeAnnotations();
  int64_t samples_left() const { return samples_left_; }

 private:
  std::string text_;
  ExprPtr expr_;
  AnnotationSink sink_;
  int64_t samples_left_ = 1'000'000;
  SampleTally samples_;
  Context context_;
};

absl::StatusOr<std::vector<TestSeries>> RunOperator(Context& context, Operator* op);

}  // namespace promql
