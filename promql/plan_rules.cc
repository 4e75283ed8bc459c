#include "promql/plan_rules.h"

#include <algorithm>
#include <string_view>

#include "promql/plan.h"
#include "promql/signatures.h"

namespace promql {
namespace {

// Functions whose result depends on where the query stands even when their arguments do not.
bool DependsOnEvaluationTime(std::string_view function) {
  static constexpr std::string_view kNames[] = {
      "day_of_month", "day_of_week", "day_of_year",    "days_in_month", "end",
      "hour",         "minute",      "month",          "predict_linear", "range",
      "start",        "step",        "time",           "timestamp",     "year"};
  return std::find(std::begin(kNames), std::end(kNames), function) != std::end(kNames);
}

class InvarianceFinder {
 public:
  explicit InvarianceFinder(InvarianceMap* found) : found_(found) {}

  Invariance Find(const Expr& with_parens) {
    const Expr& expr = StripParens(with_parens);
    const Invariance result = FindBare(expr);
    (*found_)[&expr] = result;
    return result;
  }

 private:
  Invariance FindBare(const Expr& expr) {
    switch (expr.kind) {
      case ExprKind::kNumber:
      case ExprKind::kString:
        return {true, false};
      case ExprKind::kVectorSelector: {
        const bool fixed = expr.shift.at != AtKind::kNone;
        return {fixed, fixed};
      }
      case ExprKind::kMatrixSelector:
        return {Find(*expr.lhs).invariant, false};
      case ExprKind::kSubquery:
        Find(*expr.lhs);  // The inside is split off whenever it can be: see MakePlan.
        return {expr.shift.at != AtKind::kNone, false};
      case ExprKind::kParen:
      case ExprKind::kUnary:
        return Find(*expr.lhs);
      case ExprKind::kAggregate:
        // The parameter does not count: Prometheus looks at the vector alone.
        if (expr.param != nullptr) Find(*expr.param);
        return Find(*expr.lhs);
      case ExprKind::kBinary: {
        const Invariance l = Find(*expr.lhs), r = Find(*expr.rhs);
        return {l.invariant && r.invariant, l.invariant && r.invariant};
      }
      case ExprKind::kCall:
        return FindCall(expr);
    }
    return {};
  }

  Invariance FindCall(const Expr& call) {
    const std::string_view name = call.function->name;
    if (name == "start" || name == "end" || name == "range" || name == "step") return {true, false};
    bool arguments = true;
    bool plain_selectors = true;
    for (const ExprPtr& arg : call.args) {
      arguments &= Find(*arg).invariant;
      plain_selectors &= StripParens(*arg).kind == ExprKind::kVectorSelector;
    }
    // timestamp(x @ t) asks for the time of a sample that is always the same.
    const bool safe = !DependsOnEvaluationTime(name) || (name == "timestamp" && plain_selectors);
    return {arguments && safe, arguments && safe};
  }

  InvarianceMap* found_;
};

}  // namespace

std::optional<double> QueryConstant(const Expr& call, const Grid& query) {
  const std::string_view name = call.function->name;
  if (name == "start") return static_cast<double>(query.start) / 1000;
  if (name == "end") return static_cast<double>(query.end) / 1000;
  if (name == "range") return static_cast<double>(query.end - query.start) / 1000;
  if (name == "step") {
    return query.start == query.end ? 0 : static_cast<double>(query.step_ms) / 1000;
  }
  return std::nullopt;
}

std::vector<const TimeShift*> FirstSelectorShifts(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kVectorSelector: return {&expr.shift};
    case ExprKind::kSubquery: {
      std::vector<const TimeShift*> inside = FirstSelectorShifts(*expr.lhs);
      if (!inside.empty()) inside.push_back(&expr.shift);
      return inside;
    }
    default: break;
  }
  const auto look = [](const ExprPtr& part) {
    return part == nullptr ? std::vector<const TimeShift*>() : FirstSelectorShifts(*part);
  };
  for (const ExprPtr* part : {&expr.lhs, &expr.rhs, &expr.param}) {
    if (std::vector<const TimeShift*> found = look(*part); !found.empty()) return found;
  }
  for (const ExprPtr& arg : expr.args) {
    if (std::vector<const TimeShift*> found = look(arg); !found.empty()) return found;
  }
  return {};
}

InvarianceMap FindInvariants(const Expr& expr) {
  InvarianceMap found;
  InvarianceFinder(&found).Find(expr);
  return found;
}

}  // namespace promql
