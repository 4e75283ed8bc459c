#include "promql/lexer.h"

#include <fmt/format.h>

#include "promql/text.h"
#include "storage/base/hash.h"

namespace promql {
namespace {

using K = TokenKind;

bool IsSpace(int32_t r) { return r == ' ' || r == '\t' || r == '\n' || r == '\r'; }
bool IsDigit(int32_t r) { return r >= '0' && r <= '9'; }
bool IsAlpha(int32_t r) { return r == '_' || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z'); }
bool IsAlphaNumeric(int32_t r) { return IsAlpha(r) || IsDigit(r); }

std::string Lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

const base::StringMap<K>& Keywords() {
  static const auto* const words = new base::StringMap<K>{
      {"and", K::kAnd}, {"or", K::kOr}, {"unless", K::kUnless}, {"atan2", K::kAtan2},
      {"sum", K::kSum}, {"avg", K::kAvg}, {"count", K::kCount}, {"min", K::kMin}, {"max", K::kMax},
      {"group", K::kGroup}, {"stddev", K::kStddev}, {"stdvar", K::kStdvar}, {"topk", K::kTopk},
      {"bottomk", K::kBottomk}, {"count_values", K::kCountValues}, {"quantile", K::kQuantile},
      {"limitk", K::kLimitk}, {"limit_ratio", K::kLimitRatio}, {"offset", K::kOffset},
      {"smoothed", K::kSmoothed}, {"anchored", K::kAnchored}, {"by", K::kBy},
      {"without", K::kWithout}, {"on", K::kOn}, {"ignoring", K::kIgnoring},
      {"group_left", K::kGroupLeft}, {"group_right", K::kGroupRight}, {"fill", K::kFill},
      {"fill_left", K::kFillLeft}, {"fill_right", K::kFillRight}, {"bool", K::kBool},
      {"start", K::kStart}, {"end", K::kEndWord}, {"step", K::kStep}, {"range", K::kRange},
      {"max_of", K::kMaxOf}, {"min_of", K::kMinOf}, {"inf", K::kNumber}, {"nan", K::kNumber}};
  return *words;
}

// Operators of one character inside and outside brackets.
K ArithmeticOf(int32_t r) {
  switch (r) {
    case '+': return K::kAdd;
    case '-': return K::kSub;
    case '*': return K::kMul;
    case '/': return K::kDiv;
    case '%': return K::kMod;
    case '^': return K::kPow;
    default: return K::kEnd;
  }
}

bool StartsDurationKeyword(int32_t r) {
  return r == 's' || r == 'S' || r == 'r' || r == 'R' || r == 'm' || r == 'M';
}

}  // namespace

bool IsMetricName(TokenKind k) {
  const bool reserved = k == K::kBool || k == K::kOn || k == K::kIgnoring || k == K::kGroupLeft ||
                        k == K::kGroupRight;
  return k == K::kIdentifier || k == K::kMetricIdentifier || k == K::kAnd || k == K::kOr ||
         k == K::kUnless || (k >= K::kSum && !reserved);
}

std::string Describe(const Token& token) {
  if (token.kind == K::kEnd) return "end of input";
  if (token.kind == K::kError) return std::string(token.text);
  if (IsKeyword(token.kind)) return fmt::format("<{}>", token.text);
  if (IsOperator(token.kind)) return fmt::format("<op:{}>", token.text);
  if (IsAggregation(token.kind)) return fmt::format("<aggr:{}>", token.text);
  if (token.kind == K::kIdentifier) return "identifier " + Quote(token.text);
  if (token.kind == K::kMetricIdentifier) return "metric identifier " + Quote(token.text);
  const std::string_view kind = token.kind == K::kString     ? "string "
                                : token.kind == K::kNumber   ? "number "
                                : token.kind == K::kDuration ? "duration "
                                                             : "";
  if (token.text.size() > 10) return fmt::format("{}{}...", kind, QuotePrefix(token.text, 10));
  return fmt::format("{}{}", kind, Quote(token.text));
}

int32_t Lexer::Take() {
  const int32_t rune = DecodeRune(input_.substr(pos_), &width_);
  pos_ += width_;
  return rune;
}

int32_t Lexer::Peek() {
  const int32_t rune = Take();
  Back();
  return rune;
}

bool Lexer::Accept(std::string_view valid) {
  const bool seen = Sees(valid);
  if (seen) Take();
  return seen;
}

bool Lexer::Sees(std::string_view valid) {
  const int32_t rune = Peek();
  return rune >= 0 && rune < 0x80 && valid.find(static_cast<char>(rune)) != std::string_view::npos;
}

bool Lexer::Emit(TokenKind kind) {
  token_ = {kind, start_, input_.substr(start_, pos_ - start_)};
  start_ = pos_;
  return true;
}

bool Lexer::Fail(std::string message) {
  error_ = std::move(message);
  token_ = {K::kError, start_, error_};
  return true;
}

Token Lexer::Next() {
  while (!Scan()) {
  }
  return token_;
}

bool Lexer::Scan() {
  switch (state_) {
    case State::kStatements: return brace_open_ ? Braces() : Statements();
    case State::kDuration: return DurationExpression();
    case State::kBraces: return Braces();
    case State::kString: return String();
    case State::kRawString: return RawString();
    case State::kNumber: return NumberOrDuration();
  }
  return Fail("unexpected error");
}

// Leaves the scan at the end of the line.
void Lexer::SkipComment() {
  while (pos_ < static_cast<int>(input_.size()) && input_[pos_] != '\r' && input_[pos_] != '\n') {
    ++pos_;
  }
  start_ = pos_;
}

bool Lexer::OpenQuote(int32_t rune) {
  quote_ = rune;
  state_ = rune == '`' ? State::kRawString : State::kString;
  return false;
}

bool Lexer::Statements() {
  const int32_t r = Take();
  if (const K op = ArithmeticOf(r); op != K::kEnd) return Emit(op);
  if (IsSpace(r)) {
    start_ = pos_;
    return false;
  }
  if (IsDigit(r) || (r == '.' && IsDigit(Peek()))) {
    pos_ = start_;
    state_ = State::kNumber;
    return false;
  }
  if (IsAlpha(r) || r == ':') {
    if (bracket_open_) return BracketWord(r);
    pos_ = start_;
    return KeywordOrIdentifier();
  }
  switch (r) {
    case kEndOfText:
      if (paren_depth_ != 0) return Fail("unclosed left parenthesis");
      if (bracket_open_) return Fail("unclosed left bracket");
      return Emit(K::kEnd);
    case '#':
      SkipComment();
      return false;
    case ',': return Emit(K::kComma);
    case '@': return Emit(K::kAt);
    case '=':
      if (Peek() == '~') return Fail("unexpected character after '=': '~'");
      return Emit(Accept("=") ? K::kEqualEqual : K::kEqual);
    case '!': {
      const int32_t next = Take();
      if (next != '=') return Fail("unexpected character after '!': " + QuoteRune(next));
      return Emit(K::kNotEqual);
    }
    case '<': return Emit(Accept("=") ? K::kLessEqual : Accept("/") ? K::kTrimUpper : K::kLess);
    case '>':
      return Emit(Accept("=") ? K::kGreaterEqual : Accept("/") ? K::kTrimLower : K::kGreater);
    case '"':
    case '\'':
    case '`': return OpenQuote(r);
    case '(':
      ++paren_depth_;
      return Emit(K::kLeftParen);
    case ')':
      Emit(K::kRightParen);
      if (--paren_depth_ < 0) return Fail("unexpected right parenthesis ')'");
      return true;
    case '{':
      brace_open_ = true;
      state_ = State::kBraces;
      return Emit(K::kLeftBrace);
    case '[':
      if (bracket_open_) return Fail("unexpected left bracket '['");
      got_colon_ = false;
      Emit(K::kLeftBracket);
      bracket_open_ = true;
      state_ = State::kDuration;
      return true;
    case ']':
      if (!bracket_open_) return Fail("unexpected right bracket ']'");
      bracket_open_ = false;
      return Emit(K::kRightBracket);
    default: return Fail("unexpected character: " + QuoteRune(r));
  }
}

// A letter or colon behind a number inside brackets.
bool Lexer::BracketWord(int32_t rune) {
  if (rune == ':') {
    if (got_colon_) return Fail("unexpected colon ':'");
    got_colon_ = true;
    return Emit(K::kColon);
  }
  if (StartsDurationKeyword(rune) && DurationKeyword()) return true;
  return Fail(fmt::format("unexpected character: {}, expected ':'", QuoteRune(rune)));
}

bool Lexer::DurationKeyword() {
  while (IsAlpha(Take())) {
  }
  Back();
  const std::string word = Lower(input_.substr(start_, pos_ - start_));
  if (word == "step") return Emit(K::kStep);
  if (word == "range") return Emit(K::kRange);
  if (word == "max_of") return Emit(K::kMaxOf);
  return word == "min_of" && Emit(K::kMinOf);
}

// After '[' up to the first number; behind it Statements() goes on.
bool Lexer::DurationExpression() {
  const int32_t r = Take();
  if (const K op = ArithmeticOf(r); op != K::kEnd) return Emit(op);
  if (IsSpace(r)) {
    start_ = pos_;
    return false;
  }
  if (StartsDurationKeyword(r) && DurationKeyword()) return true;
  if (IsDigit(r) || (r == '.' && IsDigit(Peek()))) {
    pos_ = start_;
    got_duration_ = true;
    state_ = State::kNumber;
    return false;
  }
  switch (r) {
    case kEndOfText: return Fail("unexpected end of input in duration expression");
    case ']':
      bracket_open_ = got_colon_ = false;
      state_ = State::kStatements;
      return Emit(K::kRightBracket);
    case ':':
      Emit(K::kColon);
      if (!got_duration_) return Fail("unexpected colon before duration in duration expression");
      if (got_colon_) return Fail("unexpected repeated colon in duration expression");
      got_colon_ = true;
      return true;
    case '(':
      ++paren_depth_;
      return Emit(K::kLeftParen);
    case ')':
      Emit(K::kRightParen);
      if (--paren_depth_ < 0) return Fail("unexpected right parenthesis ')'");
      return true;
    case ',': return Emit(K::kComma);
    default: return Fail("unexpected character in duration expression: " + QuoteRune(r));
  }
}

bool Lexer::Braces() {
  const int32_t r = Take();
  if (IsSpace(r)) {
    start_ = pos_;
    return false;
  }
  if (IsAlpha(r)) {
    while (IsAlphaNumeric(Take())) {
    }
    Back();
    return Emit(K::kIdentifier);
  }
  switch (r) {
    case kEndOfText: return Fail("unexpected end of input inside braces");
    case '#':
      SkipComment();
      return false;
    case ',': return Emit(K::kComma);
    case '"':
    case '\'':
    case '`': return OpenQuote(r);
    case '=': return Emit(Accept("~") ? K::kMatch : K::kEqual);
    case '!': {
      const int32_t next = Take();
      if (next == '~') return Emit(K::kNotMatch);
      if (next == '=') return Emit(K::kNotEqual);
      return Fail("unexpected character after '!' inside braces: " + QuoteRune(next));
    }
    case '{': return Fail("unexpected left brace '{'");
    case '}':
      brace_open_ = false;
      state_ = State::kStatements;
      return Emit(K::kRightBrace);
    default: return Fail("unexpected character inside braces: " + QuoteRune(r));
  }
}

bool Lexer::String() {
  for (;;) {
    const int32_t r = Take();
    if (r == quote_) break;
    if (r == '\\') {
      if (Escape()) return true;
    } else if (r == kRuneError) {
      return Fail("invalid UTF-8 rune");
    } else if (r == kEndOfText || r == '\n') {
      return Fail("unterminated quoted string");
    }
  }
  state_ = State::kStatements;
  return Emit(K::kString);
}

// Behind a backslash. True: the token is a kError.
bool Lexer::Escape() {
  int32_t r = Take();
  int digits = 0;
  uint32_t base = 16, max = 0x10FFFF;
  constexpr std::string_view kSingle = "abfnrtv\\";
  const auto c = static_cast<char>(r > 0 && r < 0x80 ? r : 0);
  if (r == quote_ || kSingle.find(c) != std::string_view::npos) return false;
  if (r >= '0' && r <= '7') {
    digits = 3, base = 8, max = 255;
  } else if (r == 'x' || r == 'u' || r == 'U') {
    digits = r == 'x' ? 2 : r == 'u' ? 4 : 8;
    if (r == 'x') max = 255;
    r = Take();
  } else if (r == kEndOfText) {
    return Fail("escape sequence not terminated");
  } else {
    return Fail("unknown escape sequence " + UnicodeName(r));
  }
  uint32_t value = 0;
  while (digits > 0) {
    const uint32_t d = IsDigit(r)                ? r - '0'
                       : (r >= 'a' && r <= 'f')  ? r - 'a' + 10
                       : (r >= 'A' && r <= 'F')  ? r - 'A' + 10
                                                 : 16;
    if (d >= base) {
      if (r == kEndOfText) return Fail("escape sequence not terminated");
      return Fail(fmt::format("illegal character {} in escape sequence", UnicodeName(r)));
    }
    value = value * base + d;
    if (--digits > 0) r = Take();
  }
  if (value > max || (value >= 0xD800 && value < 0xE000)) {
    return Fail("escape sequence is an invalid Unicode code point");
  }
  return false;
}

bool Lexer::RawString() {
  for (;;) {
    const int32_t r = Take();
    if (r == quote_) break;
    if (r == kRuneError) return Fail("invalid UTF-8 rune");
    if (r == kEndOfText) return Fail("unterminated raw string");
  }
  state_ = State::kStatements;
  return Emit(K::kString);
}

bool Lexer::NumberOrDuration() {
  state_ = State::kStatements;
  if (Number()) return Emit(K::kNumber);
  if (RestOfDuration()) {
    Back();
    return Emit(K::kDuration);
  }
  return Fail("bad number or duration syntax: " + Quote(input_.substr(start_, pos_ - start_)));
}

// What is taken here need not be a number yet; the parser converts it.
bool Lexer::Number() {
  const int begin = pos_;
  bool hex = false;
  if (Accept("0") && Accept("xX")) {
    Accept("_");
    hex = true;
  }
  const std::string_view digits = hex ? "0123456789abcdefABCDEF" : "0123456789";
  const std::string any = std::string(digits) + "._eE";
  Accept(".");
  Accept(digits);
  bool dot = false, exponent = false;
  while (Sees(any)) {
    if (Sees(".") && dot) {
      Accept(".");
      return false;
    }
    if (Sees("eE") && exponent) {
      Accept("eE");
      return false;
    }
    if (Accept(".")) {
      dot = true;
      if (Accept("_.") || hex) return false;
    } else if (Accept("eE")) {
      exponent = true;
      Accept("+-");
      if (Accept("._eE") || Peek() == kEndOfText) return false;
    } else if (Accept("_")) {
      if (Accept("._eE") || Peek() == kEndOfText) return false;
    } else {
      while (Accept(digits)) {
      }
    }
  }
  return pos_ != begin && !IsAlphaNumeric(Peek());
}

// Behind the digits of a duration; takes one rune more than the duration.
bool Lexer::RestOfDuration() {
  if (!Accept("smhdwy")) return false;
  Accept("s");  // Of "ms"; "hs" fails on conversion.
  while (Accept("0123456789")) {
    while (Accept("0123456789")) {
    }
    if (!Accept("smhdw")) return false;
    Accept("s");
  }
  return !IsAlphaNumeric(Take());
}

bool Lexer::KeywordOrIdentifier() {
  int32_t r = Take();
  while (IsAlphaNumeric(r) || r == ':') r = Take();
  Back();
  const std::string_view word = input_.substr(start_, pos_ - start_);
  if (const auto it = Keywords().find(Lower(word)); it != Keywords().end()) {
    const K k = it->second;
    const bool fill = k == K::kFill || k == K::kFillLeft || k == K::kFillRight;
    return Emit(fill && !FollowedByLeftParen() ? K::kIdentifier : k);
  }
  return Emit(word.find(':') == std::string_view::npos ? K::kIdentifier : K::kMetricIdentifier);
}

bool Lexer::FollowedByLeftParen() const {
  size_t i = pos_;
  while (i < input_.size() && IsSpace(input_[i])) ++i;
  return i < input_.size() && input_[i] == '(';
}

}  // namespace promql
