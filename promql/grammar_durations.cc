// Duration expressions: inside brackets with the usual precedence; after offset only one operand,
// unless the first of them stands in parentheses or has two signs.
#include <algorithm>
#include <cmath>
#include <limits>

#include "promql/grammar.h"

namespace promql {
namespace {

using K = TokenKind;
using Kind = DurationExpr::Kind;

constexpr double kMaxSeconds = 9223372036.854775808;  // 2^63 ns

int Precedence(K k) {
  switch (k) {
    case K::kAdd:
    case K::kSub: return 1;
    case K::kMul:
    case K::kDiv:
    case K::kMod: return 2;
    case K::kPow: return 3;
    default: return 0;
  }
}

Kind KindOf(K k) {
  switch (k) {
    case K::kSub: return Kind::kSub;
    case K::kMul: return Kind::kMul;
    case K::kDiv: return Kind::kDiv;
    case K::kMod: return Kind::kMod;
    case K::kPow: return Kind::kPow;
    default: return Kind::kAdd;
  }
}

bool OutOfRange(double seconds) { return seconds > kMaxSeconds || seconds < -kMaxSeconds; }

bool IsSign(K k) { return k == K::kAdd || k == K::kSub; }

Grammar::DurationNode NewDuration(Kind kind, PositionRange pos) {
  auto node = std::make_shared<DurationExpr>();
  node->kind = kind;
  node->pos = pos;
  return node;
}

}  // namespace

int64_t SecondsToMs(double seconds) {
  const double ns = std::round(seconds * 1e9);
  if (!(ns > -9.223372036854775e18 && ns < 9.223372036854775e18)) {
    return ns > 0 ? std::numeric_limits<int64_t>::max() / 1'000'000
                  : std::numeric_limits<int64_t>::min() / 1'000'000;
  }
  return static_cast<int64_t>(ns) / 1'000'000;
}

Grammar::DurationNode Grammar::PositiveDuration() {
  DurationNode node = Duration(1);
  if (error_) return nullptr;
  if (node->kind == Kind::kNumber && node->number <= 0) {
    return Fail(node->pos, "duration must be greater than 0");
  }
  return node;
}

Grammar::DurationNode Grammar::Duration(int min_precedence) {
  Level level(this);
  if (!level.ok()) return nullptr;
  DurationNode lhs = UnaryDuration();
  return error_ ? nullptr : DurationTail(std::move(lhs), min_precedence);
}

// The operators behind `lhs`.
Grammar::DurationNode Grammar::DurationTail(DurationNode lhs, int min_precedence) {
  while (!error_) {
    const int precedence = Precedence(Peek().kind);
    if (precedence == 0 || precedence < min_precedence) break;
    const Token op = Take();
    DurationNode rhs = Duration(op.kind == K::kPow ? precedence : precedence + 1);
    if (error_) return nullptr;
    lhs = MakeDuration(std::move(lhs), op, std::move(rhs));
  }
  return error_ ? nullptr : lhs;
}

Grammar::DurationNode Grammar::MakeDuration(DurationNode lhs, const Token& op, DurationNode rhs) {
  const bool zero = rhs->kind == Kind::kNumber && rhs->number == 0;
  if (op.kind == K::kDiv && zero) return Fail(Range(op), "division by zero");
  if (op.kind == K::kMod && zero) return Fail(Range(op), "modulo by zero");
  DurationNode node = NewDuration(KindOf(op.kind), {lhs->pos.begin, rhs->pos.end});
  return SetOperands(std::move(node), std::move(lhs), std::move(rhs));
}

// `lhs` may be null.
Grammar::DurationNode Grammar::SetOperands(DurationNode node, DurationNode lhs, DurationNode rhs) {
  const int height = std::max(lhs == nullptr ? 0 : lhs->height, rhs->height);
  node->height = height + 1;
  node->lhs = std::move(lhs);
  node->rhs = std::move(rhs);
  return SetHeight(nullptr, height) ? node : nullptr;
}

Grammar::DurationNode Grammar::UnaryDuration() {
  if (!IsSign(Peek().kind)) return DurationOperand();
  const Token sign = Take();
  DurationNode operand = Duration(3);
  return error_ ? nullptr : Sign(sign, std::move(operand));
}

// `sign operand` as a node, also where the sign is '+'.
Grammar::DurationNode Grammar::Signed(const Token& sign, DurationNode operand) {
  DurationNode node = NewDuration(sign.kind == K::kSub ? Kind::kNegate : Kind::kPlus,
                          {sign.pos, operand->pos.end});
  return SetOperands(std::move(node), nullptr, std::move(operand));
}

// The sign goes into a literal, and '+' goes away.
Grammar::DurationNode Grammar::Sign(const Token& sign, DurationNode operand) {
  if (operand->kind != Kind::kNumber) {
    return sign.kind == K::kSub ? Signed(sign, std::move(operand)) : operand;
  }
  if (sign.kind == K::kSub) operand->number *= -1;
  if (OutOfRange(operand->number)) return Fail(Range(sign), "duration out of range");
  operand->pos.begin = sign.pos;
  return operand;
}

Grammar::DurationNode Grammar::DurationOperand() {
  switch (Peek().kind) {
    case K::kNumber:
    case K::kDuration: return DurationLiteral(/*checked=*/true);
    case K::kStep:
    case K::kRange: return GridWord();
    case K::kMaxOf:
    case K::kMinOf: return MinOrMax();
    case K::kLeftParen: return ParenDuration(/*signed_in_front=*/false);
    default: return Unexpected();
  }
}

Grammar::DurationNode Grammar::DurationLiteral(bool checked) {
  const Token token = Peek();
  const auto seconds = Number();
  if (!seconds) return nullptr;
  if (checked && OutOfRange(*seconds)) return Fail(Range(token), "duration out of range");
  DurationNode node = NewDuration(Kind::kNumber, Range(token));
  node->number = *seconds;
  node->written_as_duration = token.kind == K::kDuration;
  return node;
}

Grammar::DurationNode Grammar::GridWord() {
  const Token word = Take();
  Token close;
  if (!Expect(K::kLeftParen) || !Expect(K::kRightParen, &close)) return nullptr;
  return NewDuration(word.kind == K::kStep ? Kind::kStep : Kind::kRange, {word.pos, close.end()});
}

Grammar::DurationNode Grammar::MinOrMax() {
  const Token word = Take();
  if (!Expect(K::kLeftParen)) return nullptr;
  DurationNode lhs = Duration(1);
  if (error_ || !Expect(K::kComma)) return nullptr;
  DurationNode rhs = Duration(1);
  if (error_ || !Expect(K::kRightParen)) return nullptr;
  // The position is that of the arguments, as in the reference.
  DurationNode node = NewDuration(word.kind == K::kMaxOf ? Kind::kMax : Kind::kMin,
                          {lhs->pos.begin, rhs->pos.end});
  return SetOperands(std::move(node), std::move(lhs), std::move(rhs));
}

// With a sign in front the operand's own position counts, else that of the parentheses.
Grammar::DurationNode Grammar::ParenDuration(bool signed_in_front) {
  const Token open = Take();
  DurationNode inside = Duration(1);
  if (error_ || !Expect(K::kRightParen)) return nullptr;
  if (inside->kind != Kind::kNumber) {
    inside->wrapped = true;
    return inside;
  }
  DurationNode node = NewDuration(
      Kind::kPlus, {signed_in_front ? inside->pos.begin : open.pos, inside->pos.end});
  node->wrapped = true;
  return SetOperands(std::move(node), nullptr, std::move(inside));
}

Grammar::DurationNode Grammar::OffsetDuration() {
  if (!IsSign(Peek().kind)) {
    if (Sees(K::kLeftParen)) return Duration(1);
    return DurationOperand();
  }
  const Token sign = Take();
  switch (Peek().kind) {
    case K::kNumber:
    case K::kDuration: {
      DurationNode literal = DurationLiteral(/*checked=*/false);  // Sign() will.
      return error_ ? nullptr : Sign(sign, std::move(literal));
    }
    case K::kLeftParen: {
      DurationNode inside = ParenDuration(/*signed_in_front=*/true);
      return error_ ? nullptr : Sign(sign, std::move(inside));
    }
    case K::kAdd:
    case K::kSub: {
      DurationNode operand = Duration(3);
      if (error_) return nullptr;
      operand = Sign(sign, std::move(operand));
      return error_ ? nullptr : DurationTail(std::move(operand), 1);
    }
    default: {
      DurationNode operand = DurationOperand();
      return error_ ? nullptr : Signed(sign, std::move(operand));
    }
  }
}

}  // namespace promql
