#include "promql/duration_expr.h"

#include <cmath>

#include "storage/base/status.h"

namespace promql {
namespace {

using Kind = DurationExpr::Kind;

absl::Status ErrorAt(const DurationExpr& expr, std::string_view what) {
  return base::InvalidArgument("{}:{}: {}", expr.pos.begin, expr.pos.end, what);
}

// The reference's order of NaN and zeros.
double Min(double a, double b) {
  if (a == -HUGE_VAL || b == -HUGE_VAL) return -HUGE_VAL;
  if (std::isnan(a) || std::isnan(b)) return std::nan("");
  return a < b || (a == b && std::signbit(a)) ? a : b;
}

absl::StatusOr<double> Seconds(const DurationExpr& expr, const DurationScope& scope) {
  double lhs = 0, rhs = 0;
  if (expr.lhs != nullptr) {
    ASSIGN_OR_RETURN(lhs, Seconds(*expr.lhs, scope));
  }
  if (expr.rhs != nullptr) {
    ASSIGN_OR_RETURN(rhs, Seconds(*expr.rhs, scope));
  }
  switch (expr.kind) {
    case Kind::kNumber: return expr.number;
    case Kind::kStep: return static_cast<double>(scope.step_ms) / 1000;
    case Kind::kRange: return static_cast<double>(scope.range_ms) / 1000;
    case Kind::kMin: return Min(lhs, rhs);
    case Kind::kMax: return -Min(-lhs, -rhs);
    case Kind::kAdd: return lhs + rhs;
    case Kind::kSub: return lhs - rhs;
    case Kind::kMul: return lhs * rhs;
    case Kind::kDiv:
      if (rhs == 0) return ErrorAt(expr, "division by zero");
      return lhs / rhs;
    case Kind::kMod:
      if (rhs == 0) return ErrorAt(expr, "modulo by zero");
      return std::fmod(lhs, rhs);
    case Kind::kPow: return std::pow(lhs, rhs);
    case Kind::kNegate: return -rhs;
    case Kind::kPlus: return rhs;
  }
  return 0.0;
}

// Replaces what `expr` says by a number.
absl::Status Resolve(DurationExprPtr* expr, const DurationScope& scope, bool allow_negative,
                     int64_t* ms) {
  if (*expr == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(*ms, EvaluateDuration(**expr, scope, allow_negative));
  expr->reset();
  return absl::OkStatus();
}

bool HasDurations(const Expr& e) {
  return e.shift.offset_expr != nullptr || e.range_expr != nullptr || e.step_expr != nullptr;
}

}  // namespace

absl::StatusOr<int64_t> EvaluateDuration(const DurationExpr& expr, const DurationScope& scope,
                                         bool allow_negative) {
  ASSIGN_OR_RETURN(const double seconds, Seconds(expr, scope));
  if (!std::isfinite(seconds)) return ErrorAt(expr, "duration is NaN or infinite");
  if (seconds <= 0 && !allow_negative) return ErrorAt(expr, "duration must be greater than 0");
  constexpr double kMaxSeconds = 9223372036.854775808;  // 2^63 ns
  if (std::fabs(seconds) > kMaxSeconds) return ErrorAt(expr, "duration is out of range");
  return static_cast<int64_t>(seconds * 1000);
}

absl::StatusOr<ExprPtr> ResolveDurations(const ExprPtr& expr, const DurationScope& scope) {
  if (expr == nullptr) return expr;
  std::shared_ptr<Expr> copy;
  if (HasDurations(*expr)) {
    copy = std::make_shared<Expr>(*expr);
    RETURN_IF_ERROR(Resolve(&copy->shift.offset_expr, scope, true, &copy->shift.offset_ms));
    RETURN_IF_ERROR(Resolve(&copy->step_expr, scope, false, &copy->step_ms));
    RETURN_IF_ERROR(Resolve(&copy->range_expr, scope, false, &copy->range_ms));
  }
  ASSIGN_OR_RETURN(ExprPtr lhs, ResolveDurations(expr->lhs, scope));
  ASSIGN_OR_RETURN(ExprPtr rhs, ResolveDurations(expr->rhs, scope));
  ASSIGN_OR_RETURN(ExprPtr param, ResolveDurations(expr->param, scope));
  std::vector<ExprPtr> args;
  for (const ExprPtr& arg : expr->args) {
    ASSIGN_OR_RETURN(args.emplace_back(), ResolveDurations(arg, scope));
  }
  const bool same = lhs == expr->lhs && rhs == expr->rhs && param == expr->param &&
                    args == expr->args;
  if (copy == nullptr && same) return expr;
  if (copy == nullptr) copy = std::make_shared<Expr>(*expr);
  copy->lhs = std::move(lhs);
  copy->rhs = std::move(rhs);
  copy->param = std::move(param);
  copy->args = std::move(args);
  return copy;
}

}  // namespace promql
