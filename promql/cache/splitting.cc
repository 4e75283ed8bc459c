#include "promql/cache/splitting.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "promql/duration_expr.h"
#include "promql/functions/functions.h"
#include "promql/operators/label_picker.h"
#include "promql/plan_rules.h"
#include "promql/signatures.h"

namespace promql {
namespace {

constexpr int64_t kFarthest = int64_t{1} << 61;

int64_t Sum(int64_t a, int64_t b) { return std::clamp(a + b, -kFarthest, kFarthest); }

template <size_t n>
bool In(std::string_view name, const std::string_view (&names)[n]) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// Look at more than one step, or at where the query begins and ends.
constexpr std::string_view kOfTheRange[] = {
    "end",  "histogram_quantiles", "info", "range", "sort", "sort_by_label", "sort_by_label_desc",
    "sort_desc", "start", "step"};
// Give one row at most.
constexpr std::string_view kSingle[] = {"absent", "absent_over_time", "scalar", "vector"};
// Gather series by their buckets.
constexpr std::string_view kOfBuckets[] = {"histogram_fraction", "histogram_quantile"};

// What is known of the rows of an expression in any range.
struct Rows {
  bool ordered = true;   // Those of a smaller range come in the same order.
  bool distinct = true;  // Their labels differ also without metric names.
  bool single = false;   // There is one at most.
};

// When an expression is evaluated: `from` to `to` from each step of the query, or within `fixed`.
// `step_ms` is the distance of neighbouring times; 0: there is but one.
struct Times {
  int64_t from = 0, to = 0;
  std::optional<model::TimeRange> fixed;
  int64_t step_ms = 0;
};

class Finder {
 public:
  Finder(const Grid& grid, const PlanOptions& options, Splitting* out)
      : scope_{grid.step_ms, grid.end - grid.start}, options_(options), out_(out) {}

  bool Run(const Expr& expr, int64_t step_ms) {
    invariants_ = FindInvariants(expr);
    Visit(expr, {.step_ms = step_ms});
    return !failed_;
  }

 private:
  Rows Fail() {
    failed_ = true;
    return {};
  }

  Rows Visit(const Expr& with_parens, const Times& times) {
    const Expr& expr = StripParens(with_parens);
    if (failed_) return {};
    switch (expr.kind) {
      case ExprKind::kNumber:
      case ExprKind::kString:
        return {.single = true};
      case ExprKind::kParen: return Visit(*expr.lhs, times);
      case ExprKind::kUnary: {
        const Rows in = Visit(*expr.lhs, times);
        return expr.negate ? WithoutNames(in) : in;
      }
      case ExprKind::kVectorSelector: {
        const bool smoothed = expr.smoothing == Smoothing::kSmoothed;
        return Select(expr, options_.lookback_ms, 0, smoothed ? options_.lookback_ms : 0, times);
      }
      case ExprKind::kMatrixSelector: return VisitMatrix(expr, times);
      case ExprKind::kSubquery: return VisitSubquery(expr, times);
      case ExprKind::kAggregate: return VisitAggregate(expr, times);
      case ExprKind::kBinary: return VisitBinary(expr, times);
      case ExprKind::kCall: return VisitCall(expr, times);
    }
    return Fail();
  }

  // Rows that become equal without their names are put behind the others.
  static Rows WithoutNames(const Rows& in) {
    return {.ordered = in.ordered && in.distinct, .distinct = true, .single = in.single};
  }

  // Of a range or step that is calculated. range() hangs on the range, even if its value does not.
  std::optional<int64_t> Duration(int64_t literal_ms, const DurationExpr* expr,
                                  bool allow_negative = false) {
    if (expr == nullptr) return literal_ms;
    if (HasRange(*expr)) return std::nullopt;
    const auto value = EvaluateDuration(*expr, scope_, allow_negative);
    if (!value.ok()) return std::nullopt;
    return *value;
  }

  static bool HasRange(const DurationExpr& expr) {
    return expr.kind == DurationExpr::Kind::kRange ||
           (expr.lhs != nullptr && HasRange(*expr.lhs)) ||
           (expr.rhs != nullptr && HasRange(*expr.rhs));
  }

  // When windows end that are looked at by an expression evaluated at `times`; nothing on failure.
  std::optional<Times> Shifted(const TimeShift& shift, const Times& times) {
    const auto offset = Duration(shift.offset_ms, shift.offset_expr.get(), true);
    if (!offset.has_value() || shift.at == AtKind::kStart || shift.at == AtKind::kEnd) {
      Fail();
      return std::nullopt;
    }
    const int64_t back = std::clamp(*offset, -kFarthest, kFarthest);
    Times out = times;
    if (shift.at == AtKind::kTime) {
      const model::TimeMs at = Sum(std::clamp(shift.at_ms, -kFarthest, kFarthest), -back);
      out.fixed = {at, at};
      out.step_ms = 0;
    } else if (out.fixed.has_value()) {
      out.fixed = {Sum(out.fixed->min, -back), Sum(out.fixed->max, -back)};
    } else {
      out.from = Sum(out.from, -back);
      out.to = Sum(out.to, -back);
    }
    return out;
  }

  void Look(const Times& ends, int64_t before_ms, int64_t after_ms) {
    if (ends.fixed.has_value()) {
      out_->reach.fixed.push_back({Sum(ends.fixed->min, -before_ms), Sum(ends.fixed->max, after_ms)});
      return;
    }
    out_->reach.back_ms = std::max(out_->reach.back_ms, Sum(-ends.from, before_ms));
    out_->reach.ahead_ms = std::max(out_->reach.ahead_ms, Sum(ends.to, after_ms));
  }

  Rows Select(const Expr& selector, int64_t range_ms, int64_t before_ms, int64_t after_ms,
              const Times& times) {
    const std::optional<Times> ends = Shifted(selector.shift, times);
    if (!ends.has_value()) return Fail();
    Look(*ends, Sum(std::clamp(range_ms, -kFarthest, kFarthest), before_ms), after_ms);
    const bool one_name = std::any_of(
        selector.matchers.begin(), selector.matchers.end(), [](const model::Matcher& matcher) {
          return matcher.name() == model::kMetricName &&
                 matcher.type() == model::MatchType::kEqual && !matcher.value().empty();
        });
    return {.distinct = one_name};
  }

  Rows VisitMatrix(const Expr& matrix, const Times& times) {
    const auto range = Duration(matrix.range_ms, matrix.range_expr.get());
    if (!range.has_value()) return Fail();
    const Expr& selector = StripParens(*matrix.lhs);
    const bool extended = selector.smoothing != Smoothing::kNone;
    return Select(selector, *range, extended ? options_.lookback_ms : 0,
                  selector.smoothing == Smoothing::kSmoothed ? options_.lookback_ms : 0, times);
  }

  // Between the windows of neighbouring steps it is evaluated too, and that might fail.
  Rows VisitSubquery(const Expr& expr, const Times& times) {
    const auto range = Duration(expr.range_ms, expr.range_expr.get());
    const auto step = Duration(expr.step_ms, expr.step_expr.get());
    std::optional<Times> inner = Shifted(expr.shift, times);
    if (!range.has_value() || !step.has_value() || !inner.has_value()) return Fail();
    if (inner->step_ms > *range) return Fail();
    const int64_t back = std::clamp(*range, -kFarthest, kFarthest);
    inner->step_ms = *step > 0 ? *step : std::max<int64_t>(1, options_.default_subquery_step_ms);
    if (inner->fixed.has_value()) {
      inner->fixed->min = Sum(inner->fixed->min, -back);
    } else {
      inner->from = Sum(inner->from, -back);
    }
    return Visit(*expr.lhs, *inner);
  }

  static bool NamesMetadata(const std::vector<std::string>& labels) {
    return std::any_of(labels.begin(), labels.end(), IsMetadataLabel);
  }

  Rows VisitAggregate(const Expr& expr, const Times& times) {
    const Rows in = Visit(*expr.lhs, times);
    if (expr.param != nullptr) {
      // Over what is evaluated once the parameter is, too: at the first step.
      Visit(*expr.param, times);
      if (invariants_[&StripParens(*expr.lhs)].invariant &&
          !invariants_[&StripParens(*expr.param)].invariant) {
        return Fail();
      }
    }
    const bool single = !expr.without && expr.grouping.empty();
    const Rows groups = {.ordered = single,
                         .distinct = expr.without || !NamesMetadata(expr.grouping),
                         .single = single};
    switch (expr.aggregate) {
      case AggregateOp::kCount:
      case AggregateOp::kGroup:
        return groups;
      case AggregateOp::kMin:
      case AggregateOp::kMax:
        if (!in.ordered) out_->watch.unordered.insert(&expr);
        return groups;
      case AggregateOp::kTopk:
      case AggregateOp::kBottomk:
        // On one step alone they come by rank.
        if (!in.ordered) out_->watch.unordered.insert(&expr);
        return {.ordered = false, .distinct = in.distinct};
      case AggregateOp::kLimitRatio: return in;
      case AggregateOp::kLimitk: return in.ordered ? in : Fail();
      case AggregateOp::kCountValues: return {.ordered = false, .distinct = false};
      case AggregateOp::kSum:
      case AggregateOp::kAvg:
      case AggregateOp::kStddev:
      case AggregateOp::kStdvar:
      case AggregateOp::kQuantile:
        return in.ordered ? groups : Fail();
    }
    return Fail();
  }

  Rows VisitBinary(const Expr& expr, const Times& times) {
    const Rows l = Visit(*expr.lhs, times), r = Visit(*expr.rhs, times);
    const bool l_vector = expr.lhs->type == ValueType::kVector;
    const bool r_vector = expr.rhs->type == ValueType::kVector;
    const bool filters = IsComparison(expr.op) && !expr.return_bool;
    if (!l_vector && !r_vector) return {.single = true};
    if (!l_vector || !r_vector) {
      const Rows& in = l_vector ? l : r;
      return filters ? in : WithoutNames(in);
    }
    if (expr.op == BinaryOp::kAnd || expr.op == BinaryOp::kUnless) return l;
    if (expr.op == BinaryOp::kOr) return {.ordered = false, .distinct = false};
    const bool single = l.single && r.single;
    const bool named = filters || NamesMetadata(expr.matching->include) ||
                       NamesMetadata(expr.matching->labels);
    return {.ordered = single, .distinct = single || !named, .single = single};
  }

  Rows VisitCall(const Expr& call, const Times& times) {
    const std::string_view name = call.function->name;
    if (In(name, kOfTheRange)) return Fail();
    Rows in = {.single = true};
    bool window = false;
    for (const ExprPtr& arg : call.args) {
      const Rows rows = Visit(*arg, times);
      if (arg->type != ValueType::kVector && arg->type != ValueType::kMatrix) continue;
      in = rows;
      window = arg->type == ValueType::kMatrix;
    }
    if (In(name, kSingle) || call.type == ValueType::kScalar) return {.single = true};
    if (In(name, kOfBuckets)) {
      if (!in.ordered) out_->watch.unordered.insert(&call);
      return {.ordered = false};
    }
    if (name == "label_replace" || name == "label_join") {
      return {.ordered = false, .distinct = false};
    }
    if (!DropsName(name)) return in;
    // Series of a range that become equal without their names are an error, wherever they are.
    if (window && !in.distinct) return Fail();
    return WithoutNames(in);
  }

  const DurationScope scope_;
  const PlanOptions options_;
  Splitting* const out_;
  InvarianceMap invariants_;
  bool failed_ = false;
};

}  // namespace

std::optional<Splitting> FindSplitting(const Expr& expr, const Grid& grid,
                                       const PlanOptions& options) {
  Splitting splitting;
  if (!Finder(grid, options, &splitting).Run(expr, grid.step_ms)) return std::nullopt;
  return splitting;
}

}  // namespace promql
