// The tree as /parse_query answers it: web/api/v1/translate_ast.go of the reference.
#include <fmt/format.h>

#include "promql/printer.h"
#include "promql/signatures.h"
#include "promql/text.h"
#include "storage/model/number_text.h"

namespace promql {
namespace {

// A JSON string as Go's encoder writes it: broken bytes become U+FFFD, and <, >, & are escaped.
std::string Text(std::string_view s) {
  std::string out = "\"";
  while (!s.empty()) {
    int size = 0;
    const int32_t rune = DecodeRune(s, &size);
    if (rune == '"' || rune == '\\') {
      out += '\\';
      out += static_cast<char>(rune);
    } else if (rune == '\n' || rune == '\r' || rune == '\t') {
      out += rune == '\n' ? "\\n" : rune == '\r' ? "\\r" : "\\t";
    } else if (rune < 0x20 || rune == '<' || rune == '>' || rune == '&' || rune == 0x2028 ||
               rune == 0x2029) {
      out += fmt::format("\\u{:04x}", static_cast<uint32_t>(rune));
    } else {
      AppendRune(&out, rune);
    }
    s.remove_prefix(size);
  }
  out += '"';
  return out;
}

std::string_view Bool(bool b) { return b ? "true" : "false"; }

std::string List(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ",") + Text(text);
  return "[" + out + "]";
}

std::string Node(const Expr* e);

std::string_view DurationOperator(const DurationExpr& e) {
  using Kind = DurationExpr::Kind;
  switch (e.kind) {
    case Kind::kStep: return "step";
    case Kind::kRange: return "range";
    case Kind::kMin: return "min_of";
    case Kind::kMax: return "max_of";
    case Kind::kAdd:
    case Kind::kPlus: return "+";
    case Kind::kSub:
    case Kind::kNegate: return "-";
    case Kind::kMul: return "*";
    case Kind::kDiv: return "/";
    case Kind::kMod: return "%";
    case Kind::kPow: return "^";
    case Kind::kNumber: break;
  }
  return "";
}

std::string Duration(const DurationExpr* e) {
  if (e == nullptr) return "null";
  if (e->kind == DurationExpr::Kind::kNumber) {
    return fmt::format(R"({{"duration":{},"type":"numberLiteral","val":"{}"}})",
                       Bool(e->written_as_duration), model::FormatFloat(e->number, 'f'));
  }
  return fmt::format(R"({{"lhs":{},"op":"{}","rhs":{},"type":"durationExpr","wrapped":{}}})",
                     Duration(e->lhs.get()), DurationOperator(*e), Duration(e->rhs.get()),
                     Bool(e->wrapped));
}

std::string Fill(const std::optional<double>& value) {
  if (!value || *value - *value != 0) return "null";  // JSON has no words for NaN and Inf.
  std::string out;
  model::AppendJsonFloat(&out, *value);
  return out;
}

std::string Matching(const std::optional<VectorMatching>& m) {
  if (!m) return "null";
  return fmt::format(
      R"({{"card":"{}","fillValues":{{"lhs":{},"rhs":{}}},"include":{},"labels":{},"on":{}}})",
      ToString(m->card), Fill(m->fill_lhs), Fill(m->fill_rhs), List(m->include), List(m->labels),
      Bool(m->on));
}

std::string Function(const Signature& f) {
  std::string types;
  for (int i = 0; i < f.num_args; ++i) {
    types += fmt::format("{}\"{}\"", i == 0 ? "" : ",", ToString(f.args[i]));
  }
  return fmt::format(R"({{"argTypes":[{}],"name":"{}","returnType":"{}","variadic":{}}})", types,
                     f.name, ToString(f.returns), f.variadic);
}

std::string Matchers(const std::vector<model::Matcher>& matchers) {
  std::string out;
  for (const model::Matcher& m : matchers) {
    if (!out.empty()) out += ',';
    out += fmt::format(R"({{"name":{},"type":"{}","value":{}}})", Text(m.name()),
                       model::ToString(m.type()), Text(m.value()));
  }
  return "[" + out + "]";
}

// The members that offset and @ give.
std::string Shift(const TimeShift& shift) {
  const bool word = shift.at == AtKind::kStart || shift.at == AtKind::kEnd;
  return fmt::format(R"("offset":{},"offsetExpr":{},"startOrEnd":{},"timestamp":{})",
                     shift.offset_ms, Duration(shift.offset_expr.get()),
                     !word                        ? "null"
                     : shift.at == AtKind::kStart ? "\"start\""
                                                  : "\"end\"",
                     shift.at == AtKind::kTime ? std::to_string(shift.at_ms) : "null");
}

// The members of a selector, which a range selector has too.
std::string Selector(const Expr& e) {
  return fmt::format(R"("anchored":{},"matchers":{},"name":{},"smoothed":{},{})",
                     Bool(e.smoothing == Smoothing::kAnchored), Matchers(e.matchers),
                     Text(e.metric), Bool(e.smoothing == Smoothing::kSmoothed), Shift(e.shift));
}

std::string Range(const Expr& e) {
  return fmt::format(R"("range":{},"rangeExpr":{})", e.range_ms, Duration(e.range_expr.get()));
}

std::string Node(const Expr* e) {
  if (e == nullptr) return "null";
  switch (e->kind) {
    case ExprKind::kNumber:
      return fmt::format(R"({{"type":"numberLiteral","val":"{}"}})",
                         model::FormatFloat(e->number, 'f'));
    case ExprKind::kString:
      return fmt::format(R"({{"type":"stringLiteral","val":{}}})", Text(e->text));
    case ExprKind::kParen:
      return fmt::format(R"({{"expr":{},"type":"parenExpr"}})", Node(e->lhs.get()));
    case ExprKind::kUnary:
      return fmt::format(R"({{"expr":{},"op":"{}","type":"unaryExpr"}})", Node(e->lhs.get()),
                         e->negate ? "-" : "+");
    case ExprKind::kBinary:
      return fmt::format(
          R"({{"bool":{},"lhs":{},"matching":{},"op":{},"rhs":{},"type":"binaryExpr"}})",
          Bool(e->return_bool), Node(e->lhs.get()), Matching(e->matching), Text(ToString(e->op)),
          Node(e->rhs.get()));
    case ExprKind::kAggregate:
      return fmt::format(
          R"({{"expr":{},"grouping":{},"op":"{}","param":{},"type":"aggregation","without":{}}})",
          Node(e->lhs.get()), List(e->grouping), ToString(e->aggregate), Node(e->param.get()),
          Bool(e->without));
    case ExprKind::kCall: {
      std::string args;
      for (const ExprPtr& arg : e->args) args += (args.empty() ? "" : ",") + Node(arg.get());
      return fmt::format(R"({{"args":[{}],"func":{},"type":"call"}})", args,
                         Function(*e->function));
    }
    case ExprKind::kVectorSelector:
      return fmt::format(R"({{{},"type":"vectorSelector"}})", Selector(*e));
    case ExprKind::kMatrixSelector:
      return fmt::format(R"({{{},{},"type":"matrixSelector"}})", Selector(*e->lhs), Range(*e));
    case ExprKind::kSubquery:
      return fmt::format(R"({{"expr":{},{},{},"step":{},"stepExpr":{},"type":"subquery"}})",
                         Node(e->lhs.get()), Range(*e), Shift(e->shift), e->step_ms,
                         Duration(e->step_expr.get()));
  }
  return "null";
}

}  // namespace

std::string FormatAst(const Expr& expr) { return Node(&expr); }

}  // namespace promql
