#include "promql/grammar.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "promql/signatures.h"
#include "promql/text.h"
#include "storage/model/duration_text.h"
#include "storage/model/labels.h"
#include "storage/model/number_text.h"

namespace promql {
namespace {

using K = TokenKind;

constexpr int kUnaryOperand = 6;  // A sign binds looser than ^ and tighter than *.

constexpr Grammar::Context kNoLabelList{"grouping opts", "\"(\""};

// 0: not a binary operator.
int Precedence(K k) {
  switch (k) {
    case K::kOr: return 1;
    case K::kAnd:
    case K::kUnless: return 2;
    case K::kEqualEqual:
    case K::kNotEqual:
    case K::kGreater:
    case K::kLess:
    case K::kGreaterEqual:
    case K::kLessEqual:
    case K::kTrimUpper:
    case K::kTrimLower: return 3;
    case K::kAdd:
    case K::kSub: return 4;
    case K::kMul:
    case K::kDiv:
    case K::kMod:
    case K::kAtan2: return 5;
    case K::kPow: return 6;
    default: return 0;
  }
}

BinaryOp BinaryOf(K k) {
  switch (k) {
    case K::kSub: return BinaryOp::kSub;
    case K::kMul: return BinaryOp::kMul;
    case K::kDiv: return BinaryOp::kDiv;
    case K::kMod: return BinaryOp::kMod;
    case K::kPow: return BinaryOp::kPow;
    case K::kAtan2: return BinaryOp::kAtan2;
    case K::kEqualEqual: return BinaryOp::kEq;
    case K::kNotEqual: return BinaryOp::kNe;
    case K::kGreater: return BinaryOp::kGt;
    case K::kLess: return BinaryOp::kLt;
    case K::kGreaterEqual: return BinaryOp::kGe;
    case K::kLessEqual: return BinaryOp::kLe;
    case K::kAnd: return BinaryOp::kAnd;
    case K::kOr: return BinaryOp::kOr;
    case K::kUnless: return BinaryOp::kUnless;
    case K::kTrimUpper: return BinaryOp::kTrimUpper;
    case K::kTrimLower: return BinaryOp::kTrimLower;
    default: return BinaryOp::kAdd;
  }
}

AggregateOp AggregateOf(K k) {
  switch (k) {
    case K::kAvg: return AggregateOp::kAvg;
    case K::kCount: return AggregateOp::kCount;
    case K::kMin: return AggregateOp::kMin;
    case K::kMax: return AggregateOp::kMax;
    case K::kGroup: return AggregateOp::kGroup;
    case K::kStddev: return AggregateOp::kStddev;
    case K::kStdvar: return AggregateOp::kStdvar;
    case K::kTopk: return AggregateOp::kTopk;
    case K::kBottomk: return AggregateOp::kBottomk;
    case K::kCountValues: return AggregateOp::kCountValues;
    case K::kQuantile: return AggregateOp::kQuantile;
    case K::kLimitk: return AggregateOp::kLimitk;
    case K::kLimitRatio: return AggregateOp::kLimitRatio;
    default: return AggregateOp::kSum;
  }
}

// Words that never name a metric.
bool IsReserved(K k) {
  return k == K::kBool || k == K::kOn || k == K::kIgnoring || k == K::kGroupLeft ||
         k == K::kGroupRight;
}

bool IsGridWord(K k) { return k >= K::kStart; }

bool StartsExpression(K k) {
  return IsMetricName(k) || k == K::kNumber || k == K::kDuration || k == K::kString ||
         k == K::kLeftParen || k == K::kLeftBrace || k == K::kAdd || k == K::kSub;
}

// In a list of labels every word is a name, except without, which the reference leaves out.
bool IsLabelName(K k) {
  return (IsMetricName(k) && k != K::kWithout) || IsReserved(k) || k == K::kAtan2;
}

}  // namespace

std::string Format(const ParseError& error, std::string_view text) {
  std::string where;
  const int pos = error.pos.begin;
  if (text.empty()) {
    where = "unknown position";
  } else if (pos < 0 || pos > static_cast<int>(text.size())) {
    where = "invalid position";
  } else {
    const std::string_view before = text.substr(0, pos);
    const size_t line_break = before.rfind('\n');
    const size_t column = line_break == std::string_view::npos ? pos + 1 : pos - line_break;
    where = fmt::format("{}:{}", std::count(before.begin(), before.end(), '\n') + 1, column);
  }
  return fmt::format("{}: parse error: {}", where, error.message);
}

const Token& Grammar::Peek() {
  if (ahead_) return *ahead_;
  ahead_ = lexer_.Next();
  switch (ahead_->kind) {
    case K::kError:
      Fail({ahead_->pos, static_cast<int>(lexer_.input().size())}, std::string(ahead_->text));
      break;
    case K::kRightBrace:
    case K::kRightParen:
    case K::kRightBracket:
    case K::kDuration:
    case K::kNumber: last_closing_ = ahead_->end(); break;
    default: break;
  }
  return *ahead_;
}

Token Grammar::Take() {
  const Token token = Peek();
  // The end and an error stay where they are.
  if (token.kind != K::kError && token.kind != K::kEnd) ahead_.reset();
  return token;
}

bool Grammar::Expect(TokenKind kind, Token* token) {
  if (!Sees(kind)) return Unexpected();
  const Token taken = Take();
  if (token != nullptr) *token = taken;
  return true;
}

Failed Grammar::Fail(PositionRange pos, std::string message) {
  if (!error_) error_ = ParseError{pos, std::move(message)};
  return {};
}

Failed Grammar::Unexpected() {
  const Token& token = Peek();
  std::string message = "unexpected " + promql::Describe(token);
  if (!contexts_.empty()) {
    message += fmt::format(" in {}", contexts_.back().where);
    const std::string_view expected = contexts_.back().expected;
    if (!expected.empty()) message += fmt::format(", expected {}", expected);
  }
  return Fail(Range(token), std::move(message));
}

// Gives `node` its height, or fails when the tree gets too high.
bool Grammar::SetHeight(Expr* node, int height_below) {
  if (node != nullptr) node->height = height_below + 1;
  if (height_below < kMaxDepth) return true;
  return Fail(Range(Peek()),
              fmt::format("expression is nested more than {} levels deep", kMaxDepth));
}

Grammar::Node Grammar::New(ExprKind kind, ValueType type, PositionRange pos) {
  auto node = std::make_shared<Expr>();
  node->kind = kind;
  node->type = type;
  node->pos = pos;
  return node;
}

Grammar::Node Grammar::WholeExpression() {
  if (Sees(K::kEnd)) return Fail({0, 0}, "no expression found in input");
  Node node = Binary(1);
  if (error_) return nullptr;
  if (!Sees(K::kEnd)) return Unexpected();
  return node;
}

Grammar::Node Grammar::Binary(int min_precedence) {
  Level level(this);
  if (!level.ok()) return nullptr;
  Node lhs = Unary();
  while (!error_) {
    const int precedence = Precedence(Peek().kind);
    if (precedence == 0 || precedence < min_precedence) break;
    const Token op = Take();
    auto modifiers = Modifiers();
    if (!modifiers) return nullptr;
    Node rhs = Binary(op.kind == K::kPow ? precedence : precedence + 1);
    if (error_) return nullptr;
    lhs = MakeBinary(std::move(lhs), BinaryOf(op.kind), *std::move(modifiers), std::move(rhs));
  }
  return error_ ? nullptr : lhs;
}

Grammar::Node Grammar::MakeBinary(Node lhs, BinaryOp op, BinaryModifiers modifiers, Node rhs) {
  const bool scalar = lhs->type == ValueType::kScalar && rhs->type == ValueType::kScalar;
  Node node = New(ExprKind::kBinary, scalar ? ValueType::kScalar : ValueType::kVector,
                  {lhs->pos.begin, rhs->pos.end});
  const VectorMatching& matching = modifiers.matching;
  if (!options_.binop_fill && (matching.fill_lhs || matching.fill_rhs)) {
    return Fail(node->pos, "binop fill modifiers are experimental and not enabled");
  }
  node->op = op;
  node->return_bool = modifiers.return_bool;
  node->matching = std::move(modifiers.matching);
  // Where the operator stands, as the reference finds it: from operand to operand, less the space.
  const std::string_view input = lexer_.input();
  constexpr std::string_view kSpace = " \t\r\n";
  node->op_pos.begin = static_cast<int>(std::min(
      input.find_first_not_of(kSpace, lhs->pos.end), input.size()));
  node->op_pos.end = static_cast<int>(input.find_last_not_of(kSpace, rhs->pos.begin - 1));
  const int height = std::max(lhs->height, rhs->height);
  node->lhs = std::move(lhs);
  node->rhs = std::move(rhs);
  return SetHeight(node.get(), height) ? node : nullptr;
}

std::optional<Grammar::BinaryModifiers> Grammar::Modifiers() {
  BinaryModifiers modifiers;
  if (Sees(K::kBool)) {
    Take();
    modifiers.return_bool = true;
  }
  if (Sees(K::kOn) || Sees(K::kIgnoring)) {
    modifiers.matching.on = Take().kind == K::kOn;
    auto labels = GroupingLabels();
    if (!labels) return std::nullopt;
    modifiers.matching.labels = *std::move(labels);
    if (!GroupModifier(&modifiers.matching)) return std::nullopt;
  }
  if (!FillModifiers(&modifiers.matching)) return std::nullopt;
  return modifiers;
}

bool Grammar::GroupModifier(VectorMatching* matching) {
  const K kind = Peek().kind;
  if (kind != K::kGroupLeft && kind != K::kGroupRight) return true;
  Take();
  matching->card = kind == K::kGroupLeft ? MatchCard::kManyToOne : MatchCard::kOneToMany;
  if (!Sees(K::kLeftParen)) {
    if (StartsExpression(Peek().kind)) return true;
    Scope scope(this, kNoLabelList);
    return Unexpected();
  }
  auto labels = GroupingLabels();
  if (!labels) return false;
  matching->include = *std::move(labels);
  return true;
}

bool Grammar::FillModifiers(VectorMatching* matching) {
  const K kind = Peek().kind;
  if (kind != K::kFill && kind != K::kFillLeft && kind != K::kFillRight) return true;
  Take();
  const std::optional<double> value = FillValue();
  if (!value) return false;
  if (kind != K::kFillRight) matching->fill_lhs = value;
  if (kind != K::kFillLeft) matching->fill_rhs = value;
  const K other = kind == K::kFillLeft ? K::kFillRight : K::kFillLeft;
  if (kind == K::kFill || !Sees(other)) return true;
  Take();
  auto& second = kind == K::kFillLeft ? matching->fill_rhs : matching->fill_lhs;
  second = FillValue();
  return second.has_value();
}

std::optional<double> Grammar::FillValue() {
  if (!Expect(K::kLeftParen)) return std::nullopt;
  double sign = 1;
  if (Sees(K::kAdd) || Sees(K::kSub)) sign = Take().kind == K::kSub ? -1 : 1;
  const std::optional<double> value = Number();
  if (!value || !Expect(K::kRightParen)) return std::nullopt;
  return sign * *value;
}

Grammar::Node Grammar::Unary() {
  if (!Sees(K::kAdd) && !Sees(K::kSub)) {
    Node node = Primary();
    return error_ ? nullptr : Postfix(std::move(node));
  }
  const Token sign = Take();
  Node operand = Binary(kUnaryOperand);
  if (error_) return nullptr;
  if (operand->kind == ExprKind::kNumber) {
    if (sign.kind == K::kSub) operand->number *= -1;
    operand->pos.begin = sign.pos;
    return operand;
  }
  Node node = New(ExprKind::kUnary, operand->type, {sign.pos, operand->pos.end});
  node->negate = sign.kind == K::kSub;
  const int height = operand->height;
  node->lhs = std::move(operand);
  return SetHeight(node.get(), height) ? node : nullptr;
}

Grammar::Node Grammar::Primary() {
  const K kind = Peek().kind;
  if (kind == K::kNumber || kind == K::kDuration) return NumberLiteral();
  if (kind == K::kLeftParen) return Paren();
  if (kind == K::kLeftBrace) return Selector(std::nullopt);
  if (kind == K::kString) {
    const Token token = Take();
    auto text = Text(token);
    if (!text) return nullptr;
    Node node = New(ExprKind::kString, ValueType::kString, Range(token));
    node->text = *std::move(text);
    return node;
  }
  if (IsMetricName(kind)) return WordExpression();
  return Unexpected();
}

// A word begins an aggregation, a call or a selector: the next token tells.
Grammar::Node Grammar::WordExpression() {
  const Token word = Take();
  const K next = Peek().kind;
  if (IsAggregation(word.kind)) {
    if (next == K::kLeftParen || next == K::kBy || next == K::kWithout) return Aggregation(word);
  } else if (next == K::kLeftParen && (word.kind == K::kIdentifier || IsGridWord(word.kind))) {
    return Call(word);
  }
  return Selector(word);
}

Grammar::Node Grammar::Paren() {
  const Token open = Take();
  Node inside = Binary(1);
  Token close;
  if (error_ || !Expect(K::kRightParen, &close)) return nullptr;
  Node node = New(ExprKind::kParen, inside->type, {open.pos, close.end()});
  const int height = inside->height;
  node->lhs = std::move(inside);
  return SetHeight(node.get(), height) ? node : nullptr;
}

Grammar::Node Grammar::NumberLiteral() {
  const Token token = Peek();
  const std::optional<double> value = Number();
  if (!value) return nullptr;
  Node node = New(ExprKind::kNumber, ValueType::kScalar, Range(token));
  node->number = *value;
  node->written_as_duration = token.kind == K::kDuration;
  return node;
}

std::optional<double> Grammar::Number() {
  if (!Sees(K::kNumber) && !Sees(K::kDuration)) {
    Unexpected();
    return std::nullopt;
  }
  const Token token = Take();
  if (token.kind == K::kDuration) {
    const absl::StatusOr<int64_t> ms = model::ParseDurationMs(token.text);
    if (ms.ok()) return static_cast<double>(*ms) / 1000;
    Fail(Range(token), std::string(ms.status().message()));
    return std::nullopt;
  }
  const NumberText number = ReadNumber(token.text);
  if (number.value) return number.value;
  Fail(Range(token), fmt::format("error parsing number: strconv.ParseFloat: parsing {}: {}",
                                 Quote(token.text), number.error));
  return std::nullopt;
}

std::optional<std::string> Grammar::Text(const Token& string) {
  std::optional<std::string> text = Unquote(string.text);
  if (!text) {
    Fail(Range(string),
         fmt::format("error unquoting string {}: invalid syntax", Quote(string.text)));
  }
  return text;
}

Grammar::Node Grammar::Aggregation(const Token& name) {
  Scope scope(this, {"aggregation", ""});
  Node node = New(ExprKind::kAggregate, ValueType::kVector, {name.pos, name.end()});
  node->aggregate = AggregateOf(name.kind);
  std::vector<ExprPtr> args;
  if (Sees(K::kBy) || Sees(K::kWithout)) {
    if (!Grouping(node.get()) || !Arguments(&args)) return nullptr;
    node->pos.end = last_closing_;
  } else {
    if (!Arguments(&args)) return nullptr;
    node->pos.end = last_closing_;
    if (Sees(K::kBy) || Sees(K::kWithout)) {
      if (!Grouping(node.get())) return nullptr;
      node->pos.end = last_closing_;
    }
  }
  return MakeAggregation(node.get(), std::move(args)) ? node : nullptr;
}

bool Grammar::Grouping(Expr* aggregation) {
  aggregation->without = Take().kind == K::kWithout;
  auto labels = GroupingLabels();
  if (!labels) return false;
  aggregation->grouping = *std::move(labels);
  return true;
}

bool Grammar::MakeAggregation(Expr* aggregation, std::vector<ExprPtr> args) {
  const auto fail = [&](std::string message) {
    return Fail(aggregation->pos, std::move(message));
  };
  const AggregateOp op = aggregation->aggregate;
  if (args.empty()) return fail("no arguments for aggregate expression provided");
  const bool experimental = op == AggregateOp::kLimitk || op == AggregateOp::kLimitRatio;
  if (experimental && !options_.experimental_functions) {
    return fail(fmt::format("{}() is experimental and must be enabled with "
                            "--enable-feature=promql-experimental-functions", ToString(op)));
  }
  const size_t wanted = TakesParam(op) ? 2 : 1;
  if (args.size() != wanted) {
    return fail(fmt::format("wrong number of arguments for aggregate expression provided, "
                            "expected {}, got {}", wanted, args.size()));
  }
  int height = 0;
  for (const ExprPtr& arg : args) height = std::max(height, arg->height);
  aggregation->lhs = std::move(args.back());
  if (wanted == 2) aggregation->param = std::move(args.front());
  return SetHeight(aggregation, height);
}

Grammar::Node Grammar::Call(const Token& name) {
  std::vector<ExprPtr> args;
  if (!Arguments(&args)) return nullptr;
  const Signature* function = FindSignature(name.text);
  if (function == nullptr) {
    return Fail(Range(name), "unknown function with name " + Quote(name.text));
  }
  if (function->experimental && !options_.experimental_functions) {
    return Fail(Range(name), fmt::format("function {} is not enabled", Quote(name.text)));
  }
  Node node = New(ExprKind::kCall, function->returns, {name.pos, last_closing_});
  node->function = function;
  int height = 0;
  for (const ExprPtr& arg : args) height = std::max(height, arg->height);
  node->args = std::move(args);
  return SetHeight(node.get(), height) ? node : nullptr;
}

bool Grammar::Arguments(std::vector<ExprPtr>* args) {
  if (!Expect(K::kLeftParen)) return false;
  if (Sees(K::kRightParen)) {
    Take();
    return true;
  }
  for (;;) {
    Node arg = Binary(1);
    if (error_) return false;
    args->push_back(std::move(arg));
    if (!Sees(K::kComma)) return Expect(K::kRightParen);
    const Token comma = Take();
    if (!StartsExpression(Peek().kind)) {
      return Fail(Range(comma), "trailing commas not allowed in function call args");
    }
  }
}

std::optional<std::vector<std::string>> Grammar::GroupingLabels() {
  Scope scope(this, kNoLabelList);
  std::vector<std::string> labels;
  if (!Expect(K::kLeftParen)) return std::nullopt;
  while (!Sees(K::kRightParen)) {
    scope.Set({"grouping opts", "label"});
    if (!GroupingLabel(&labels)) return std::nullopt;
    scope.Set({"grouping opts", "\",\" or \")\""});
    if (Sees(K::kRightParen)) break;
    if (!Expect(K::kComma)) return std::nullopt;
  }
  Take();
  return labels;
}

bool Grammar::GroupingLabel(std::vector<std::string>* labels) {
  if (!IsLabelName(Peek().kind) && !Sees(K::kString)) return Unexpected();
  const Token token = Take();
  std::string name(token.text);
  if (token.kind == K::kString) {
    auto text = Text(token);
    if (!text) return false;
    name = *std::move(text);
  }
  if (name.empty() || !model::IsValidUtf8(name)) {
    return Fail(Range(token), "invalid label name for grouping: " + Quote(name));
  }
  labels->push_back(std::move(name));
  return true;
}

}  // namespace promql
