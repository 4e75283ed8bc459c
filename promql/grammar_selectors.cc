// Selectors, and what may follow an expression: [range], [range:step], offset, @, anchored,
// smoothed.
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "promql/grammar.h"
#include "storage/model/labels.h"

namespace promql {
namespace {

using K = TokenKind;

// The node that carries offset and @ for `node`; null when it cannot.
Expr* ShiftOwner(Expr* node) {
  switch (node->kind) {
    case ExprKind::kVectorSelector:
    case ExprKind::kSubquery: return node;
    case ExprKind::kMatrixSelector: return Mutable(node->lhs);
    default: return nullptr;
  }
}

model::MatchType MatchOf(K k) {
  switch (k) {
    case K::kNotEqual: return model::MatchType::kNotEqual;
    case K::kMatch: return model::MatchType::kRegex;
    case K::kNotMatch: return model::MatchType::kNotRegex;
    default: return model::MatchType::kEqual;
  }
}

bool IsMatchOperator(K k) {
  return k == K::kEqual || k == K::kNotEqual || k == K::kMatch || k == K::kNotMatch;
}

bool HasOffset(const TimeShift& shift) {
  return shift.offset_ms != 0 || shift.offset_expr != nullptr;
}

// Seconds to milliseconds, rounded; what does not fit becomes the least number, as in the
// reference.
int64_t RoundToMs(double seconds) {
  const double ms = std::round(seconds * 1000);
  if (!(std::fabs(ms) < 9.2e18)) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(ms);
}

std::string FixedSixDigits(double v) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v > 0 ? "+Inf" : "-Inf";
  return fmt::format("{:.6f}", v);
}

}  // namespace

Grammar::Node Grammar::WholeSelector() {
  const Token first = Peek();
  Node node;
  if (first.kind == K::kLeftBrace) {
    node = Selector(std::nullopt);
  } else if (IsMetricName(first.kind)) {
    Take();
    node = Selector(first);
  } else {
    return Unexpected();
  }
  if (error_) return nullptr;
  if (!Sees(K::kEnd)) return Unexpected();
  return node;
}

// `name`, taken already, and the braces behind it: at least one of the two.
Grammar::Node Grammar::Selector(std::optional<Token> name) {
  const PositionRange pos = Range(name ? *name : Peek());
  Node node = New(ExprKind::kVectorSelector, ValueType::kVector, pos);
  if (Sees(K::kLeftBrace) && !LabelMatchers(node.get())) return nullptr;
  if (error_) return nullptr;
  if (name) {
    node->metric = std::string(name->text);
    node->matchers.push_back(
        model::Matcher::Equal(std::string(model::kMetricName), node->metric));
  }
  return node;
}

bool Grammar::LabelMatchers(Expr* selector) {
  Take();
  Scope scope(this, {"label matching", ""});
  for (;;) {
    if (Sees(K::kRightBrace)) break;
    scope.Set({"label matching", "identifier or \"}\""});
    if (!LabelMatcher(selector)) return false;
    scope.Set({"label matching", "\",\" or \"}\""});
    if (Sees(K::kRightBrace)) break;
    if (!Expect(K::kComma)) return false;
  }
  selector->pos.end = Take().end();
  return true;
}

bool Grammar::LabelMatcher(Expr* selector) {
  if (!Sees(K::kIdentifier) && !Sees(K::kString)) return Unexpected();
  const Token label = Take();
  std::string name(label.text);
  if (label.kind == K::kString) {
    auto text = Text(label);
    if (!text) return false;
    name = *std::move(text);
  }
  if (!IsMatchOperator(Peek().kind)) {
    if (label.kind == K::kString) {  // A metric name in quotes.
      selector->matchers.push_back(
          model::Matcher::Equal(std::string(model::kMetricName), std::move(name)));
      return true;
    }
    Scope scope(this, {"label matching", "label matching operator"});
    return Unexpected();
  }
  const Token op = Take();
  Scope scope(this, {"label matching", "string"});
  Token value;
  if (!Expect(K::kString, &value)) return false;
  auto text = Text(value);
  if (!text) return false;
  auto matcher = model::Matcher::Create(MatchOf(op.kind), std::move(name), *std::move(text));
  if (!matcher.ok()) {
    return Fail({label.pos, value.end()}, std::string(matcher.status().message()));
  }
  selector->matchers.push_back(*std::move(matcher));
  return true;
}

Grammar::Node Grammar::Postfix(Node node) {
  while (!error_) {
    switch (Peek().kind) {
      case K::kLeftBracket: node = Brackets(std::move(node)); break;
      case K::kOffset: node = Offset(std::move(node)); break;
      case K::kAt: node = At(std::move(node)); break;
      case K::kAnchored: node = Extend(std::move(node), Smoothing::kAnchored); break;
      case K::kSmoothed: node = Extend(std::move(node), Smoothing::kSmoothed); break;
      default: return node;
    }
  }
  return nullptr;
}

Grammar::Node Grammar::Brackets(Node node) {
  const Token bracket = Take();
  Scope scope(this, {"subquery or range selector", "number, duration, step(), or range()"});
  const DurationNode range = PositiveDuration();
  if (error_) return nullptr;
  if (Sees(K::kRightBracket)) return MakeRange(std::move(node), bracket, range);
  scope.Set({"subquery or range", "\":\" or \"]\""});
  if (!Expect(K::kColon)) return nullptr;
  scope.Set({"subquery selector", "number, duration, step(), range(), or \"]\""});
  DurationNode step;
  if (!Sees(K::kRightBracket)) {
    step = PositiveDuration();
    if (error_) return nullptr;
  }
  scope.Set({"subquery selector", "\"]\""});
  Token close;
  if (!Expect(K::kRightBracket, &close)) return nullptr;
  Node query = New(ExprKind::kSubquery, ValueType::kMatrix, {node->pos.begin, close.end()});
  if (range->kind == DurationExpr::Kind::kNumber) {
    query->range_ms = SecondsToMs(range->number);
  } else {
    query->range_expr = range;
  }
  if (step != nullptr && step->kind == DurationExpr::Kind::kNumber) {
    query->step_ms = SecondsToMs(step->number);
  } else {
    query->step_expr = step;
  }
  const int height = node->height;
  query->lhs = std::move(node);
  return SetHeight(query.get(), height) ? query : nullptr;
}

// The range ends at the "]" that is seen next.
Grammar::Node Grammar::MakeRange(Node selector, const Token& bracket, const DurationNode& range) {
  const Token close = Take();
  const PositionRange brackets{bracket.pos, close.end()};
  if (selector->kind != ExprKind::kVectorSelector) {
    return Fail(brackets, "ranges only allowed for vector selectors");
  }
  if (HasOffset(selector->shift)) {
    return Fail(brackets, "no offset modifiers allowed before range");
  }
  if (selector->shift.at != AtKind::kNone) {
    return Fail(brackets, "no @ modifiers allowed before range");
  }
  Node node = New(ExprKind::kMatrixSelector, ValueType::kMatrix,
                  {selector->pos.begin, close.end()});
  if (range->kind == DurationExpr::Kind::kNumber) {
    node->range_ms = SecondsToMs(range->number);
  } else {
    node->range_expr = range;
  }
  const int height = selector->height;
  node->lhs = std::move(selector);
  return SetHeight(node.get(), height) ? node : nullptr;
}

Grammar::Node Grammar::Offset(Node node) {
  Take();
  Scope scope(this, {"offset", "number, duration, step(), or range()"});
  const DurationNode offset = OffsetDuration();
  if (error_) return nullptr;
  return AddOffset(node.get(), offset) ? node : nullptr;
}

bool Grammar::AddOffset(Expr* node, const DurationNode& offset) {
  Expr* owner = ShiftOwner(node);
  if (owner == nullptr) {
    return Fail(node->pos, "offset modifier must be preceded by an instant vector selector or "
                           "range vector selector or a subquery");
  }
  if (HasOffset(owner->shift)) return Fail(node->pos, "offset may not be set multiple times");
  if (offset->kind == DurationExpr::Kind::kNumber) {
    owner->shift.offset_ms = SecondsToMs(offset->number);
  } else {
    owner->shift.offset_expr = offset;
  }
  node->pos.end = last_closing_;
  return true;
}

Grammar::Node Grammar::At(Node node) {
  Take();
  Scope scope(this, {"@", "timestamp"});
  AtKind kind = AtKind::kTime;
  double seconds = 0;
  if (Sees(K::kStart) || Sees(K::kEndWord)) {
    kind = Take().kind == K::kStart ? AtKind::kStart : AtKind::kEnd;
    if (!Expect(K::kLeftParen) || !Expect(K::kRightParen)) return nullptr;
  } else {
    double sign = 1;
    if (Sees(K::kAdd) || Sees(K::kSub)) sign = Take().kind == K::kSub ? -1 : 1;
    const auto number = Number();
    if (!number) return nullptr;
    seconds = sign * *number;
  }
  return SetAt(node.get(), kind, seconds) ? node : nullptr;
}

bool Grammar::SetAt(Expr* node, AtKind kind, double seconds) {
  constexpr double kBound = 9223372036854775808.0;  // 2^63
  if (kind == AtKind::kTime && !(seconds < kBound && seconds > -kBound)) {
    return Fail(node->pos,
                "timestamp out of bounds for @ modifier: " + FixedSixDigits(seconds));
  }
  Expr* owner = ShiftOwner(node);
  if (owner == nullptr) {
    return Fail(node->pos, "@ modifier must be preceded by an instant vector selector or range "
                           "vector selector or a subquery");
  }
  if (owner->shift.at != AtKind::kNone) {
    return Fail(node->pos, "@ <timestamp> may not be set multiple times");
  }
  owner->shift.at = kind;
  if (kind == AtKind::kTime) owner->shift.at_ms = RoundToMs(seconds);
  node->pos.end = last_closing_;
  return true;
}

Grammar::Node Grammar::Extend(Node node, Smoothing smoothing) {
  Take();
  const std::string_view name = smoothing == Smoothing::kAnchored ? "anchored" : "smoothed";
  const auto fail = [&](std::string_view what) {
    return Fail(node->pos, fmt::format("{} modifier {}", name, what));
  };
  if (!options_.extended_range_selectors) return fail("is experimental and not enabled");
  if (node->kind == ExprKind::kSubquery) return fail("is not supported for subqueries");
  Expr* owner = ShiftOwner(node.get());
  if (owner == nullptr) return fail("not implemented");
  if (owner->smoothing != Smoothing::kNone && owner->smoothing != smoothing) {
    return Fail(node->pos, "anchored and smoothed modifiers cannot be used together");
  }
  owner->smoothing = smoothing;
  return node;
}

}  // namespace promql
