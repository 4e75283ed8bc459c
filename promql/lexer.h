// Text to tokens. The words and their errors are Prometheus' (spec 1.1; reference
// promql/parser/lex.go), including what depends on where a word stands: inside braces there are no
// keywords, inside brackets there are durations only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace promql {

enum class TokenKind : uint8_t {
  kEnd, kError, kIdentifier, kMetricIdentifier, kString, kNumber, kDuration,
  kLeftParen, kRightParen, kLeftBrace, kRightBrace, kLeftBracket, kRightBracket, kComma, kColon,
  kEqual,
  // Operators
  kAdd, kSub, kMul, kDiv, kMod, kPow, kAtan2, kEqualEqual, kNotEqual, kGreater, kLess,
  kGreaterEqual, kLessEqual, kAnd, kOr, kUnless, kTrimUpper, kTrimLower, kMatch, kNotMatch, kAt,
  // Aggregations
  kSum, kAvg, kCount, kMin, kMax, kGroup, kStddev, kStdvar, kTopk, kBottomk, kCountValues,
  kQuantile, kLimitk, kLimitRatio,
  // Keywords
  kBool, kBy, kGroupLeft, kGroupRight, kFill, kFillLeft, kFillRight, kIgnoring, kOffset, kSmoothed,
  kAnchored, kOn, kWithout,
  // Words that are functions of the query's grid
  kStart, kEndWord, kStep, kRange, kMaxOf, kMinOf,
};

inline bool IsOperator(TokenKind k) { return k >= TokenKind::kAdd && k <= TokenKind::kAt; }
inline bool IsAggregation(TokenKind k) {
  return k >= TokenKind::kSum && k <= TokenKind::kLimitRatio;
}
inline bool IsKeyword(TokenKind k) { return k >= TokenKind::kBool && k <= TokenKind::kWithout; }

// Whether a word of this kind may name a metric: all but bool, on, ignoring, group_left,
// group_right, atan2 and the numbers.
bool IsMetricName(TokenKind kind);

struct Token {
  TokenKind kind = TokenKind::kEnd;
  int pos = 0;            // Byte offset.
  std::string_view text;  // Points into the input; the message of a kError points into the lexer.

  int end() const { return pos + static_cast<int>(text.size()); }
};

// As messages call it: identifier "up", <op:+>, <by>, ")", end of input.
std::string Describe(const Token& token);

class Lexer {
 public:
  explicit Lexer(std::string_view input) : input_(input) {}
  Lexer(const Lexer&) = delete;
  Lexer& operator=(const Lexer&) = delete;

  // The next token; comments are skipped. After kError and kEnd there is nothing more to ask for.
  Token Next();
  std::string_view input() const { return input_; }

 private:
  enum class State { kStatements, kDuration, kBraces, kString, kRawString, kNumber };
  // Each scans on in its state and says whether token_ is complete.
  bool Scan();
  bool Statements();
  bool BracketWord(int32_t rune);
  bool DurationExpression();
  bool Braces();
  bool String();
  bool Escape();
  bool RawString();
  bool NumberOrDuration();
  bool KeywordOrIdentifier();

  bool Emit(TokenKind kind);
  bool Fail(std::string message);  // Returns true: the token is a kError.
  bool OpenQuote(int32_t rune);
  void CloseParen();
  void SkipComment();
  bool DurationKeyword();
  bool Number();
  bool RestOfDuration();
  bool FollowedByLeftParen() const;

  int32_t Take();
  int32_t Peek();
  void Back() { pos_ -= width_; }
  bool Accept(std::string_view valid);
  bool Sees(std::string_view valid);

  const std::string_view input_;
  std::string error_;
  Token token_;
  State state_ = State::kStatements;
  int pos_ = 0, start_ = 0, width_ = 0;  // Of the scan; of the token; of the last rune taken.
  int paren_depth_ = 0;
  bool brace_open_ = false, bracket_open_ = false, got_colon_ = false, got_duration_ = false;
  int32_t quote_ = 0;
};

}  // namespace promql
