#include "server/rules/template/lexer.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "promql/text.h"
#include "server/letters.h"

namespace server::text_template {
namespace {

constexpr std::string_view kLeft = "{{", kRight = "}}", kSpaces = " \t\r\n";

bool IsSpace(int32_t r) { return r == ' ' || r == '\t' || r == '\r' || r == '\n'; }
bool IsAlphaNumeric(int32_t r) { return r == '_' || IsLetter(r) || IsDigit(r); }

// "- " behind the left delimiter, " -" before the right one.
bool HasLeftTrim(std::string_view s) { return s.size() >= 2 && s[0] == '-' && IsSpace(s[1]); }
bool HasRightTrim(std::string_view s) { return s.size() >= 2 && IsSpace(s[0]) && s[1] == '-'; }

struct Keyword {
  std::string_view word;
  ItemKind kind;
};
constexpr Keyword kKeywords[] = {{"block", ItemKind::kBlock},
                                 {"break", ItemKind::kBreak},
                                 {"continue", ItemKind::kContinue},
                                 {"define", ItemKind::kDefine},
                                 {"else", ItemKind::kElse},
                                 {"end", ItemKind::kEnd},
                                 {"if", ItemKind::kIf},
                                 {"nil", ItemKind::kNil},
                                 {"range", ItemKind::kRange},
                                 {"template", ItemKind::kTemplate},
                                 {"with", ItemKind::kWith}};

}  // namespace

std::string Item::Describe() const {
  if (kind == ItemKind::kEof) return "EOF";
  if (kind == ItemKind::kError) return text;
  if (kind > ItemKind::kKeyword) return fmt::format("<{}>", text);
  if (text.size() > 10) return promql::QuotePrefix(text, 10) + "...";
  return promql::Quote(text);
}

Item Lexer::Next() {
  item_ = {ItemKind::kEof, static_cast<int>(pos_), "EOF", start_line_};
  if (failed_) return item_;
  while (!(inside_action_ ? LexInsideAction() : LexText())) {
  }
  return item_;
}

int32_t Lexer::Peek() const {
  int size = 0;
  return promql::DecodeRune(rest(), &size);
}

int32_t Lexer::NextRune() {
  int size = 0;
  const int32_t rune = promql::DecodeRune(rest(), &size);
  pos_ += size;
  if (rune == '\n') ++line_;
  return rune;
}

void Lexer::Skip(size_t bytes) {
  line_ += static_cast<int>(std::count(input_.begin() + pos_, input_.begin() + pos_ + bytes, '\n'));
  pos_ += bytes;
}

bool Lexer::Accept(std::string_view any_of) {
  if (rest().empty() || any_of.find(rest()[0]) == std::string_view::npos) return false;
  ++pos_;
  return true;
}

void Lexer::AcceptRun(std::string_view any_of) {
  while (Accept(any_of)) {
  }
}

bool Lexer::Emit(ItemKind kind) {
  item_ = {kind, static_cast<int>(start_), std::string(current()), start_line_};
  Ignore();
  return true;
}

bool Lexer::Fail(std::string message) {
  item_ = {ItemKind::kError, static_cast<int>(start_), std::move(message), start_line_};
  failed_ = true;
  pos_ = start_ = 0;
  return true;
}

bool Lexer::LexText() {
  const size_t x = rest().find(kLeft);
  if (x == std::string_view::npos) {
    Skip(rest().size());
    return Emit(start_ < pos_ ? ItemKind::kText : ItemKind::kEof);
  }
  if (x == 0) return LexLeftDelim();
  std::string_view text = rest().substr(0, x);
  if (HasLeftTrim(rest().substr(x + kLeft.size()))) {
    text = text.substr(0, text.find_last_not_of(kSpaces) + 1);
  }
  Skip(text.size());
  const bool any = !text.empty();
  if (any) Emit(ItemKind::kText);
  Skip(x - text.size());
  Ignore();
  return any || LexLeftDelim();
}

bool Lexer::AtRightDelim(bool* trim) const {
  *trim = HasRightTrim(rest()) && rest().substr(2).starts_with(kRight);
  return *trim || rest().starts_with(kRight);
}

bool Lexer::LexLeftDelim() {
  const size_t marker = HasLeftTrim(rest().substr(kLeft.size())) ? 2 : 0;
  if (rest().substr(kLeft.size() + marker).starts_with("/*")) {
    Skip(kLeft.size() + marker);
    Ignore();
    return LexComment();
  }
  Skip(kLeft.size());
  Emit(ItemKind::kLeftDelim);
  inside_action_ = true;
  Skip(marker);
  Ignore();
  paren_depth_ = 0;
  return true;
}

// Gives nothing: comments are no items.
bool Lexer::LexComment() {
  const size_t end = rest().find("*/", 2);
  if (end == std::string_view::npos) return Fail("unclosed comment");
  Skip(end + 2);
  bool trim = false;
  if (!AtRightDelim(&trim)) return Fail("comment ends before closing delimiter");
  Skip(kRight.size() + (trim ? 2 : 0));
  if (trim) Skip(std::min(rest().find_first_not_of(kSpaces), rest().size()));
  Ignore();
  return false;
}

bool Lexer::LexRightDelim() {
  bool trim = false;
  AtRightDelim(&trim);
  if (trim) {
    Skip(2);
    Ignore();
  }
  Skip(kRight.size());
  Emit(ItemKind::kRightDelim);
  if (trim) {
    Skip(std::min(rest().find_first_not_of(kSpaces), rest().size()));
    Ignore();
  }
  inside_action_ = false;
  return true;
}

bool Lexer::LexInsideAction() {
  bool trim = false;
  if (AtRightDelim(&trim)) {
    return paren_depth_ == 0 ? LexRightDelim() : Fail("unclosed left paren");
  }
  const int32_t r = Peek();
  if (r == promql::kEndOfText) return Fail("unclosed action");
  if (IsSpace(r)) return LexSpace();
  const bool digit_behind = rest().size() > 1 && rest()[1] >= '0' && rest()[1] <= '9';
  if (r == '+' || r == '-' || (r >= '0' && r <= '9') || (r == '.' && digit_behind)) {
    return LexNumber();
  }
  if (IsAlphaNumeric(r)) return LexIdentifier();
  NextRune();
  switch (r) {
    case '=': return Emit(ItemKind::kAssign);
    case ':': return NextRune() == '=' ? Emit(ItemKind::kDeclare) : Fail("expected :=");
    case '|': return Emit(ItemKind::kPipe);
    case '"': return LexQuoted('"', ItemKind::kString, "unterminated quoted string");
    case '\'': return LexQuoted('\'', ItemKind::kCharConstant, "unterminated character constant");
    case '`': return LexRawQuote();
    case '$': return LexFieldOrVariable(ItemKind::kVariable);
    case '.': return LexFieldOrVariable(ItemKind::kField);
    case '(': ++paren_depth_; return Emit(ItemKind::kLeftParen);
    case ')':
      return --paren_depth_ < 0 ? Fail("unexpected right paren") : Emit(ItemKind::kRightParen);
    default:
      if (r >= 0x20 && r < 0x7f) return Emit(ItemKind::kChar);
      return Fail("unrecognized character in action: " + promql::UnicodeName(r));
  }
}

// A right delimiter with a trim marker begins with a space.
bool Lexer::LexSpace() {
  size_t n = 0;
  while (IsSpace(Peek())) {
    NextRune();
    ++n;
  }
  const std::string_view from_last = input_.substr(pos_ - 1);
  if (HasRightTrim(from_last) && from_last.substr(2).starts_with(kRight)) {
    --pos_;
    if (input_[pos_] == '\n') --line_;
    if (n == 1) return LexRightDelim();
  }
  return Emit(ItemKind::kSpace);
}

bool Lexer::AtTerminator() const {
  const int32_t r = Peek();
  constexpr std::string_view kEnds = ".,|:)(";
  return r == promql::kEndOfText || IsSpace(r) ||
         (r < 0x80 && kEnds.find(static_cast<char>(r)) != std::string_view::npos) ||
         rest().starts_with(kRight);
}

bool Lexer::LexIdentifier() {
  while (IsAlphaNumeric(Peek())) NextRune();
  if (!AtTerminator()) return Fail("bad character " + promql::UnicodeName(Peek()));
  const std::string_view word = current();
  const auto keyword = std::find_if(std::begin(kKeywords), std::end(kKeywords),
                                    [&](const Keyword& k) { return k.word == word; });
  if (keyword != std::end(kKeywords)) return Emit(keyword->kind);
  return Emit(word == "true" || word == "false" ? ItemKind::kBool : ItemKind::kIdentifier);
}

// The . or $ has been taken.
bool Lexer::LexFieldOrVariable(ItemKind kind) {
  if (AtTerminator()) {
    return Emit(kind == ItemKind::kVariable ? ItemKind::kVariable : ItemKind::kDot);
  }
  while (IsAlphaNumeric(Peek())) NextRune();
  if (!AtTerminator()) return Fail("bad character " + promql::UnicodeName(Peek()));
  return Emit(kind);
}

bool Lexer::LexNumber() {
  const auto fail = [&] { return Fail("bad number syntax: " + promql::Quote(current())); };
  if (!ScanNumber()) return fail();
  if (Peek() != '+' && Peek() != '-') return Emit(ItemKind::kNumber);
  if (!ScanNumber() || input_[pos_ - 1] != 'i') return fail();
  return Emit(ItemKind::kComplex);
}

bool Lexer::ScanNumber() {
  Accept("+-");
  std::string_view digits = "0123456789_";
  bool decimal = true, hex = false;
  if (Accept("0")) {
    if (Accept("xX")) {
      digits = "0123456789abcdefABCDEF_", decimal = false, hex = true;
    } else if (Accept("oO")) {
      digits = "01234567_", decimal = false;
    } else if (Accept("bB")) {
      digits = "01_", decimal = false;
    }
  }
  AcceptRun(digits);
  if (Accept(".")) AcceptRun(digits);
  if ((decimal && Accept("eE")) || (hex && Accept("pP"))) {
    Accept("+-");
    AcceptRun("0123456789_");
  }
  Accept("i");
  if (!IsAlphaNumeric(Peek())) return true;
  NextRune();
  return false;
}

// The quote has been taken.
bool Lexer::LexQuoted(char quote, ItemKind kind, std::string_view what) {
  for (;;) {
    int32_t r = NextRune();
    if (r == quote) return Emit(kind);
    if (r == '\\') {
      r = NextRune();
      if (r != promql::kEndOfText && r != '\n') continue;
    }
    if (r == promql::kEndOfText || r == '\n') return Fail(std::string(what));
  }
}

bool Lexer::LexRawQuote() {
  const size_t end = rest().find('`');
  if (end == std::string_view::npos) return Fail("unterminated raw quoted string");
  Skip(end + 1);
  return Emit(ItemKind::kRawString);
}

}  // namespace server::text_template
