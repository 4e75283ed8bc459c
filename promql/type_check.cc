#include "promql/type_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "promql/signatures.h"
#include "promql/text.h"
#include "storage/model/labels.h"

namespace promql {
namespace {

bool IsScalarOrVector(ValueType type) {
  return type == ValueType::kScalar || type == ValueType::kVector;
}

// Every Check returns false after the first error.
class Checker {
 public:
  bool Check(Expr* e);
  std::optional<ParseError> error;

 private:
  bool Fail(PositionRange pos, std::string message) {
    error = ParseError{pos, std::move(message)};
    return false;
  }
  bool Check(const ExprPtr& e) { return Check(Mutable(e)); }
  bool Expect(const ExprPtr& e, ValueType type, std::string_view where);
  bool Aggregate(const Expr& e);
  bool Binary(Expr* e);
  bool Matching(Expr* e);
  bool Call(const Expr& e);
  bool CallSize(const Expr& e);
  bool InfoSelector(const Expr& call);
  bool Selector(const Expr& e);
};

bool Checker::Check(Expr* e) {
  switch (e->kind) {
    case ExprKind::kNumber:
    case ExprKind::kString: return true;
    case ExprKind::kParen:
    case ExprKind::kMatrixSelector: return Check(e->lhs);
    case ExprKind::kUnary:
      if (!Check(e->lhs)) return false;
      if (IsScalarOrVector(e->type)) return true;
      return Fail(e->pos, fmt::format("unary expression only allowed on expressions of type scalar "
                                      "or instant vector, got \"{}\"", Describe(e->type)));
    case ExprKind::kBinary: return Binary(e);
    case ExprKind::kAggregate: return Aggregate(*e);
    case ExprKind::kCall: return Call(*e);
    case ExprKind::kVectorSelector: return Selector(*e);
    case ExprKind::kSubquery:
      if (!Check(e->lhs)) return false;
      if (e->lhs->type == ValueType::kVector) return true;
      return Fail(e->pos, fmt::format("subquery is only allowed on instant vector, got {} instead",
                                      ToString(e->lhs->type)));
  }
  return true;
}

bool Checker::Expect(const ExprPtr& e, ValueType type, std::string_view where) {
  if (!Check(e)) return false;
  if (e->type == type) return true;
  return Fail(e->pos, fmt::format("expected type {} in {}, got {}", Describe(type), where,
                                  Describe(e->type)));
}

bool Checker::Aggregate(const Expr& e) {
  if (!Expect(e.lhs, ValueType::kVector, "aggregation expression")) return false;
  if (e.param == nullptr) return true;
  const bool text = e.aggregate == AggregateOp::kCountValues;
  return Expect(e.param, text ? ValueType::kString : ValueType::kScalar, "aggregation parameter");
}

bool Checker::Binary(Expr* e) {
  if (!Check(e->lhs) || !Check(e->rhs)) return false;
  const ValueType left = e->lhs->type, right = e->rhs->type;
  if (e->return_bool && !IsComparison(e->op)) {
    return Fail(e->op_pos, "bool modifier can only be used on comparison operators");
  }
  if (IsComparison(e->op) && !e->return_bool && e->type == ValueType::kScalar) {
    return Fail(e->op_pos, "comparisons between scalars must use BOOL modifier");
  }
  VectorMatching& matching = *e->matching;
  if (IsSetOperator(e->op) && matching.card == MatchCard::kOneToOne) {
    matching.card = MatchCard::kManyToMany;
  }
  for (const std::string& label : matching.labels) {
    if (matching.on && std::ranges::count(matching.include, label) > 0) {
      return Fail(e->op_pos, fmt::format("label {} must not occur in ON and GROUP clause at once",
                                         Quote(label)));
    }
  }
  constexpr std::string_view kTypes =
      "binary expression must contain only scalar and instant vector types";
  if (!IsScalarOrVector(left)) return Fail(e->lhs->pos, std::string(kTypes));
  if (!IsScalarOrVector(right)) return Fail(e->rhs->pos, std::string(kTypes));
  if (!Matching(e)) return false;
  if (IsSetOperator(e->op) && (left == ValueType::kScalar || right == ValueType::kScalar)) {
    return Fail(e->pos, fmt::format("set operator \"{}\" not allowed in binary scalar expression",
                                    ToString(e->op)));
  }
  return true;
}

bool Checker::Matching(Expr* e) {
  const VectorMatching& matching = *e->matching;
  const bool fills = matching.fill_lhs || matching.fill_rhs;
  if (e->lhs->type != ValueType::kVector || e->rhs->type != ValueType::kVector) {
    if (!matching.labels.empty()) {
      return Fail(e->pos, "vector matching only allowed between instant vectors");
    }
    if (fills) {
      return Fail(e->pos, "filling in missing series only allowed between instant vectors");
    }
    e->matching.reset();
    return true;
  }
  if (!IsSetOperator(e->op)) return true;
  if (matching.card != MatchCard::kManyToMany) {
    return Fail(e->pos, fmt::format("no grouping allowed for \"{}\" operation", ToString(e->op)));
  }
  if (fills) return Fail(e->pos, "filling in missing series not allowed for set operators");
  return true;
}

bool Checker::CallSize(const Expr& e) {
  const Signature& f = *e.function;
  const int got = static_cast<int>(e.args.size());
  const auto fail = [&](std::string_view expected, int n) {
    return Fail(e.pos, fmt::format("expected {}{} argument(s) in call to \"{}\", got {}", expected,
                                   n, f.name, got));
  };
  if (f.variadic == 0) return got == f.num_args || fail("", f.num_args);
  if (got < f.num_args - 1) return fail("at least ", f.num_args - 1);
  const int most = f.num_args - 1 + f.variadic;
  return f.variadic < 0 || got <= most || fail("at most ", most);
}

bool Checker::InfoSelector(const Expr& call) {
  const Expr& selector = *call.args[1];
  if (selector.type != ValueType::kVector) {
    return Fail(call.pos, fmt::format("expected type instant vector in call to function \"info\", "
                                      "got {}", Describe(selector.type)));
  }
  if (selector.kind != ExprKind::kVectorSelector) {
    return Fail(selector.pos, "expected label selectors only");
  }
  if (!selector.metric.empty()) {
    return Fail(selector.pos, "expected label selectors only, got vector selector instead");
  }
  return true;
}

bool Checker::Call(const Expr& e) {
  if (!CallSize(e)) return false;
  const Signature& f = *e.function;
  // info()'s second argument is checked here, for it may select everything.
  const size_t checked = f.name == "info" ? 1 : e.args.size();
  if (e.args.size() > 1 && checked == 1 && !InfoSelector(e)) return false;
  const std::string where = fmt::format("call to function \"{}\"", f.name);
  for (size_t i = 0; i < checked && i < e.args.size(); ++i) {
    const int declared = std::min(static_cast<int>(i), f.num_args - 1);
    if (!Expect(e.args[i], f.args[declared], where)) return false;
  }
  return true;
}

bool Checker::Selector(const Expr& e) {
  if (!e.metric.empty()) {  // Its own matcher is the last.
    for (size_t i = 0; i + 1 < e.matchers.size(); ++i) {
      if (e.matchers[i].name() != model::kMetricName) continue;
      return Fail(e.pos, fmt::format("metric name must not be set twice: {} or {}",
                                     Quote(e.metric), Quote(e.matchers[i].value())));
    }
    return true;
  }
  for (const model::Matcher& matcher : e.matchers) {
    if (!matcher.matches_empty()) return true;
  }
  return Fail(e.pos, "vector selector must contain at least one non-empty matcher");
}

}  // namespace

std::optional<ParseError> CheckTypes(Expr* expr) {
  Checker checker;
  checker.Check(expr);
  return std::move(checker.error);
}

}  // namespace promql
