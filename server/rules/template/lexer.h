// Text of a template into items, as Go's text/template/parse cuts it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace server::text_template {

enum class ItemKind : uint8_t {
  kError,  // `text` is what is wrong.
  kBool,
  kChar,
  kCharConstant,
  kComplex,
  kAssign,
  kDeclare,
  kEof,
  kField,
  kIdentifier,
  kLeftDelim,
  kLeftParen,
  kNumber,
  kPipe,
  kRawString,
  kRightDelim,
  kRightParen,
  kSpace,
  kString,
  kText,
  kVariable,
  kKeyword,  // Never given: keywords stand behind it.
  kBlock,
  kBreak,
  kContinue,
  kDot,
  kDefine,
  kElse,
  kEnd,
  kIf,
  kNil,
  kRange,
  kTemplate,
  kWith,
};

struct Item {
  ItemKind kind = ItemKind::kEof;
  int pos = 0;  // Byte offset.
  std::string text;
  int line = 1;
  std::string Describe() const;  // For messages: "abc", <if>, EOF.
};

class Lexer {
 public:
  explicit Lexer(std::string_view input) : input_(input) {}  // Must outlive the lexer.
  Item Next();  // kEof for ever at the end, and after an error.

 private:
  // What a step found: true when item_ is set.
  bool LexText();
  bool LexLeftDelim();
  bool LexComment();
  bool LexRightDelim();
  bool LexInsideAction();
  bool LexSpace();
  bool LexIdentifier();
  bool LexFieldOrVariable(ItemKind kind);
  bool LexNumber();
  bool LexQuoted(char quote, ItemKind kind, std::string_view what);
  bool LexRawQuote();

  int32_t NextRune();  // promql::kEndOfText at the end.
  int32_t Peek() const;
  void Skip(size_t bytes);  // Counting lines.
  bool Accept(std::string_view any_of);
  void AcceptRun(std::string_view any_of);
  bool ScanNumber();
  bool AtTerminator() const;
  bool AtRightDelim(bool* trim) const;
  std::string_view rest() const { return input_.substr(pos_); }
  std::string_view current() const { return input_.substr(start_, pos_ - start_); }
  bool Emit(ItemKind kind);
  void Ignore() { start_ = pos_, start_line_ = line_; }
  bool Fail(std::string message);

  std::string_view input_;
  size_t pos_ = 0, start_ = 0;
  int line_ = 1, start_line_ = 1;
  int paren_depth_ = 0;
  bool inside_action_ = false, failed_ = false;
  Item item_;
};

}  // namespace server::text_template
