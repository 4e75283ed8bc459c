#include "promql/printer.h"

#include <algorithm>

#include <fmt/format.h>

#include "promql/signatures.h"
#include "promql/text.h"
#include "storage/model/duration_text.h"
#include "storage/model/labels.h"
#include "storage/model/number_text.h"

namespace promql {
namespace {

constexpr size_t kMaxLine = 100;

std::string Indent(int level) { return std::string(2 * level, ' '); }

// `seconds` as a number, or as a duration when it was written as one.
std::string NumberToString(double seconds, bool as_duration) {
  if (!as_duration) return model::FormatFloat(seconds, 'f');
  const auto ms = static_cast<int64_t>(seconds * 1e9) / 1'000'000;
  return (seconds < 0 ? "-" : "") + model::FormatDurationMs(ms < 0 ? -ms : ms);
}

std::string LabelList(const std::vector<std::string>& labels) {
  std::string out;
  for (const std::string& label : labels) {
    if (!out.empty()) out += ", ";
    out += model::IsLegacyLabelName(label) ? label : Quote(label);
  }
  return out;
}

std::string_view OperatorOf(DurationExpr::Kind kind) {
  switch (kind) {
    case DurationExpr::Kind::kAdd: return "+";
    case DurationExpr::Kind::kSub: return "-";
    case DurationExpr::Kind::kMul: return "*";
    case DurationExpr::Kind::kDiv: return "/";
    case DurationExpr::Kind::kMod: return "%";
    default: return "^";
  }
}

std::string DurationBody(const DurationExpr& e) {
  using Kind = DurationExpr::Kind;
  switch (e.kind) {
    case Kind::kNumber: return NumberToString(e.number, e.written_as_duration);
    case Kind::kStep: return "step()";
    case Kind::kRange: return "range()";
    case Kind::kMin: return fmt::format("min_of({}, {})", ToString(*e.lhs), ToString(*e.rhs));
    case Kind::kMax: return fmt::format("max_of({}, {})", ToString(*e.lhs), ToString(*e.rhs));
    case Kind::kNegate: return "-" + ToString(*e.rhs);
    case Kind::kPlus: return ToString(*e.rhs);
    default:
      return fmt::format("{} {} {}", ToString(*e.lhs), OperatorOf(e.kind), ToString(*e.rhs));
  }
}

std::string OffsetToString(const TimeShift& shift) {
  if (shift.offset_expr != nullptr) return " offset " + ToString(*shift.offset_expr);
  if (shift.offset_ms == 0) return "";
  return " offset " + model::FormatDurationMs(shift.offset_ms);
}

std::string AtToString(const TimeShift& shift) {
  switch (shift.at) {
    case AtKind::kNone: return "";
    case AtKind::kTime: return fmt::format(" @ {:.3f}", static_cast<double>(shift.at_ms) / 1000);
    case AtKind::kStart: return " @ start()";
    case AtKind::kEnd: return " @ end()";
  }
  return "";
}

std::string_view SmoothingToString(Smoothing smoothing) {
  if (smoothing == Smoothing::kAnchored) return " anchored";
  return smoothing == Smoothing::kSmoothed ? " smoothed" : "";
}

std::string RangeToString(const Expr& e) {
  return e.range_expr != nullptr ? ToString(*e.range_expr) : model::FormatDurationMs(e.range_ms);
}

// `[5m:1m] @ 3.000 offset 1m` of a subquery.
std::string SubquerySuffix(const Expr& e) {
  std::string step;
  if (e.step_ms != 0) step = model::FormatDurationMs(e.step_ms);
  if (e.step_expr != nullptr) step = ToString(*e.step_expr);
  return fmt::format("[{}:{}]{}{}", RangeToString(e), step, AtToString(e.shift),
                     OffsetToString(e.shift));
}

// `sum by (a, b) ` of an aggregation, up to its arguments.
std::string AggregateHead(const Expr& e) {
  const std::string_view op = ToString(e.aggregate);
  if (e.without) return fmt::format("{} without ({}) ", op, LabelList(e.grouping));
  if (e.grouping.empty()) return std::string(op);
  return fmt::format("{} by ({}) ", op, LabelList(e.grouping));
}

std::string FillToString(const VectorMatching& m) {
  const auto fill = [](std::string_view name, double v) {
    return fmt::format(" {} ({})", name, model::FormatFloat(v, 'g'));
  };
  if (m.fill_lhs && m.fill_rhs && *m.fill_lhs == *m.fill_rhs) return fill("fill", *m.fill_lhs);
  std::string out;
  if (m.fill_lhs) out += fill("fill_left", *m.fill_lhs);
  if (m.fill_rhs) out += fill("fill_right", *m.fill_rhs);
  return out;
}

// `== bool on (a) group_left (b)` of a binary expression.
std::string OperatorToString(const Expr& e) {
  std::string out(ToString(e.op));
  if (e.return_bool) out += " bool";
  if (!e.matching) return out;
  const VectorMatching& m = *e.matching;
  const bool group = m.card == MatchCard::kManyToOne || m.card == MatchCard::kOneToMany;
  if (m.on || !m.labels.empty() || group) {
    out += fmt::format(" {} ({})", m.on ? "on" : "ignoring", LabelList(m.labels));
  }
  if (group) {
    out += fmt::format(" group_{} ({})", m.card == MatchCard::kManyToOne ? "left" : "right",
                       LabelList(m.include));
  }
  return out + FillToString(m);
}

std::string_view SignOf(const Expr& e) { return e.negate ? "-" : "+"; }

// The expression over several lines. Strings of subtrees are built again on every level: only for
// people, who wait for one expression.
class Prettifier {
 public:
  // The text of `e`, its first line indented too.
  std::string Pretty(const Expr& e, int level) const {
    switch (e.kind) {
      case ExprKind::kAggregate:
        if (!NeedsSplit(e)) return Flat(e, level);
        return Block(AggregateHead(e), AggregateArgs(e, level + 1), level);
      case ExprKind::kCall:
        if (!NeedsSplit(e)) return Flat(e, level);
        return Block(std::string(e.function->name), CallArgs(e, level + 1), level);
      case ExprKind::kParen:
        if (!NeedsSplit(e)) return Flat(e, level);
        return Block("", Pretty(*e.lhs, level + 1), level);
      case ExprKind::kBinary:
        if (!NeedsSplit(e)) return Flat(e, level);
        return fmt::format("{}\n{}{}\n{}", Pretty(*e.lhs, level + 1), Indent(level),
                           OperatorToString(e), Pretty(*e.rhs, level + 1));
      case ExprKind::kUnary: return Indent(level) + std::string(SignOf(e)) + Operand(e, level);
      case ExprKind::kSubquery:
        // A short one is not indented: so the reference prints it.
        if (!NeedsSplit(e)) return ToString(e);
        return Pretty(*e.lhs, level) + SubquerySuffix(e);
      default: return Flat(e, level);
    }
  }

 private:
  static bool NeedsSplit(const Expr& e) { return ToString(e).size() > kMaxLine; }
  static std::string Flat(const Expr& e, int level) { return Indent(level) + ToString(e); }
  static std::string Block(const std::string& head, const std::string& inside, int level) {
    return fmt::format("{}{}(\n{}\n{})", Indent(level), head, inside, Indent(level));
  }
  std::string AggregateArgs(const Expr& e, int level) const {
    const std::string operand = Pretty(*e.lhs, level);
    return e.param == nullptr ? operand : Pretty(*e.param, level) + ",\n" + operand;
  }
  std::string CallArgs(const Expr& e, int level) const {
    std::string out;
    for (const ExprPtr& arg : e.args) {
      if (&arg != &e.args.front()) out += ",\n";
      out += Pretty(*arg, level);
    }
    return out;
  }
  // What a sign stands before, without space around it.
  std::string Operand(const Expr& e, int level) const {
    const std::string text = Pretty(*e.lhs, level);
    return text.substr(text.find_first_not_of(' '));
  }
};

}  // namespace

std::string ToString(const DurationExpr& expr) {
  const std::string body = DurationBody(expr);
  return expr.wrapped ? "(" + body + ")" : body;
}

std::string SelectorToString(const Expr& selector) {
  std::vector<std::string> matchers;
  for (const model::Matcher& m : selector.matchers) {
    const bool is_name = m.name() == model::kMetricName && m.type() == model::MatchType::kEqual &&
                         m.value() == selector.metric && !m.value().empty();
    if (!is_name) matchers.push_back(m.ToString());
  }
  std::sort(matchers.begin(), matchers.end());
  if (matchers.empty()) return selector.metric;
  return fmt::format("{}{{{}}}", selector.metric, fmt::join(matchers, ","));
}

std::string ToString(const Expr& e) {
  switch (e.kind) {
    case ExprKind::kNumber: return NumberToString(e.number, e.written_as_duration);
    case ExprKind::kString: return Quote(e.text);
    case ExprKind::kParen: return "(" + ToString(*e.lhs) + ")";
    case ExprKind::kUnary: return std::string(SignOf(e)) + ToString(*e.lhs);
    case ExprKind::kBinary:
      return fmt::format("{} {} {}", ToString(*e.lhs), OperatorToString(e), ToString(*e.rhs));
    case ExprKind::kAggregate: {
      const std::string param = e.param == nullptr ? "" : ToString(*e.param) + ", ";
      return fmt::format("{}({}{})", AggregateHead(e), param, ToString(*e.lhs));
    }
    case ExprKind::kCall: {
      std::string args;
      for (const ExprPtr& arg : e.args) {
        if (&arg != &e.args.front()) args += ", ";
        args += ToString(*arg);
      }
      return fmt::format("{}({})", e.function->name, args);
    }
    case ExprKind::kVectorSelector:
      return fmt::format("{}{}{}{}", SelectorToString(e), AtToString(e.shift),
                         SmoothingToString(e.smoothing), OffsetToString(e.shift));
    case ExprKind::kMatrixSelector:
      return fmt::format("{}[{}]{}{}{}", SelectorToString(*e.lhs), RangeToString(e),
                         SmoothingToString(e.lhs->smoothing), AtToString(e.lhs->shift),
                         OffsetToString(e.lhs->shift));
    case ExprKind::kSubquery: return ToString(*e.lhs) + SubquerySuffix(e);
  }
  return "";
}

std::string Prettify(const Expr& expr) { return Prettifier().Pretty(expr, 0); }

}  // namespace promql
