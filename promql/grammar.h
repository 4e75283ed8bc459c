// The grammar of the language, by recursive descent; behind parser.h.
//
// The reference is an LALR(1) grammar (promql/parser/generated_parser.y) whose messages show
// through: on a token that does not fit it looks outwards for the innermost rule with an error
// production and uses that rule's words. Here a stack of Contexts stands for those rules. Tokens are peeked at
// exactly where the reference needs its lookahead, so that of two errors the same one comes first.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "promql/ast.h"
#include "promql/lexer.h"
#include "promql/parser.h"

namespace promql {

struct ParseError {
  PositionRange pos;
  std::string message;
};

// What Fail() gives: false, or a null node.
struct Failed {
  template <std::same_as<bool> T>
  operator T() const { return false; }  // NOLINT: it is for returning.
  template <class T>
  operator std::shared_ptr<T>() const { return nullptr; }  // NOLINT
};

// `1:7: parse error: unexpected end of input`
std::string Format(const ParseError& error, std::string_view text);

// Reads one text once. Functions that return a pointer return null after an error; those that
// return bool, false. Only the first error counts, so all of them give up at once.
class Grammar {
 public:
  using Node = std::shared_ptr<Expr>;
  using DurationNode = std::shared_ptr<DurationExpr>;

  // What to say about an unexpected token: `unexpected x in <where>, expected <what>`.
  struct Context {
    std::string_view where, expected;
  };

  Grammar(std::string_view text, const ParseOptions& options) : lexer_(text), options_(options) {}

  Node WholeExpression();
  Node WholeSelector();
  const std::optional<ParseError>& error() const { return error_; }

 private:
  class Scope {  // Pushes a Context for its life time; Set() replaces it.
   public:
    Scope(Grammar* grammar, Context context) : contexts_(grammar->contexts_) {
      contexts_.push_back(context);
    }
    ~Scope() { contexts_.pop_back(); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    void Set(Context context) { contexts_.back() = context; }

   private:
    std::vector<Context>& contexts_;
  };
  class Level;  // Counts the recursion.

  // What stands between an operator and its right side.
  struct BinaryModifiers {
    bool return_bool = false;
    VectorMatching matching;
  };

  // grammar.cc: expressions
  Node Binary(int min_precedence);
  std::optional<BinaryModifiers> Modifiers();
  bool GroupModifier(VectorMatching* matching);
  bool FillModifiers(VectorMatching* matching);
  std::optional<double> FillValue();
  Node MakeBinary(Node lhs, BinaryOp op, BinaryModifiers modifiers, Node rhs);
  Node Unary();
  Node Primary();
  Node Paren();
  Node WordExpression();
  Node Aggregation(const Token& name);
  bool Grouping(Expr* aggregation);
  bool MakeAggregation(Expr* aggregation, std::vector<ExprPtr> args);
  Node Call(const Token& name);
  bool Arguments(std::vector<ExprPtr>* args);
  std::optional<std::vector<std::string>> GroupingLabels();
  bool GroupingLabel(std::vector<std::string>* labels);
  Node NumberLiteral();

  // grammar_selectors.cc: selectors and what may follow an expression
  Node Selector(std::optional<Token> name);
  bool LabelMatchers(Expr* selector);
  bool LabelMatcher(Expr* selector);
  Node Postfix(Node node);
  Node Brackets(Node node);
  Node MakeRange(Node selector, const Token& bracket, const DurationNode& range);
  Node Offset(Node node);
  bool AddOffset(Expr* node, const DurationNode& offset);
  Node At(Node node);
  bool SetAt(Expr* node, AtKind kind, double seconds);
  Node Extend(Node node, Smoothing smoothing);

  // grammar_durations.cc: duration expressions
  DurationNode PositiveDuration();
  DurationNode Duration(int min_precedence);
  DurationNode DurationTail(DurationNode lhs, int min_precedence);
  DurationNode UnaryDuration();
  DurationNode OffsetDuration();
  DurationNode DurationOperand();
  DurationNode DurationLiteral(bool checked);
  DurationNode GridWord();
  DurationNode MinOrMax();
  DurationNode ParenDuration(bool signed_in_front);
  DurationNode Signed(const Token& sign, DurationNode operand);
  DurationNode Sign(const Token& sign, DurationNode operand);
  DurationNode MakeDuration(DurationNode lhs, const Token& op, DurationNode rhs);
  DurationNode SetOperands(DurationNode node, DurationNode lhs, DurationNode rhs);

  // Tokens
  const Token& Peek();
  Token Take();
  bool Sees(TokenKind kind) { return Peek().kind == kind; }
  // Takes a token of this kind, or reports what stands there instead.
  bool Expect(TokenKind kind, Token* token = nullptr);
  std::optional<double> Number();  // Takes a kNumber or kDuration, in seconds.
  std::optional<std::string> Text(const Token& string);  // The value of a kString.

  // Errors: both keep the first.
  Failed Fail(PositionRange pos, std::string message);
  Failed Unexpected();

  Node New(ExprKind kind, ValueType type, PositionRange pos);
  bool SetHeight(Expr* node, int height_below);

  Lexer lexer_;
  const ParseOptions options_;
  std::optional<ParseError> error_;
  std::vector<Context> contexts_;
  std::optional<Token> ahead_;
  int last_closing_ = 0;  // End of the last token read that can close an expression.
  int depth_ = 0;
};

// A node made by this parse and not handed out yet may still be changed.
inline Expr* Mutable(const ExprPtr& node) { return const_cast<Expr*>(node.get()); }

inline PositionRange Range(const Token& token) { return {token.pos, token.end()}; }

// A literal duration in milliseconds, as the reference cuts it: to nanoseconds, then to ms.
int64_t SecondsToMs(double seconds);

class Grammar::Level {
 public:
  explicit Level(Grammar* grammar) : grammar_(*grammar) { ++grammar_.depth_; }
  ~Level() { --grammar_.depth_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;
  // False, with the error set, when too deep.
  bool ok() const { return grammar_.SetHeight(nullptr, grammar_.depth_); }

 private:
  Grammar& grammar_;
};

}  // namespace promql
