// The syntax tree: what was said, with types checked. Immutable once parsed; shared freely.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/model/matcher.h"
#include "storage/model/sample.h"

namespace promql {

// Byte offsets into the query text, end exclusive.
struct PositionRange {
  int begin = 0, end = 0;
};

enum class ValueType : uint8_t { kNone, kScalar, kVector, kMatrix, kString };
std::string_view ToString(ValueType type);     // "scalar", "vector", "matrix", "string": in JSON.
std::string_view Describe(ValueType type);     // "instant vector", "range vector": in messages.

enum class ExprKind : uint8_t {
  kNumber, kString, kParen, kUnary, kBinary, kAggregate, kCall, kVectorSelector, kMatrixSelector,
  kSubquery,
};

// Binary operators, set operators included; and aggregation operators.
enum class BinaryOp : uint8_t {
  kAdd, kSub, kMul, kDiv, kMod, kPow, kAtan2, kEq, kNe, kGt, kLt, kGe, kLe, kAnd, kOr, kUnless,
  kTrimUpper, kTrimLower,
};
std::string_view ToString(BinaryOp op);
bool IsComparison(BinaryOp op);
bool IsSetOperator(BinaryOp op);

enum class AggregateOp : uint8_t {
  kSum, kAvg, kCount, kMin, kMax, kGroup, kStddev, kStdvar, kTopk, kBottomk, kCountValues,
  kQuantile, kLimitk, kLimitRatio,
};
std::string_view ToString(AggregateOp op);
bool TakesParam(AggregateOp op);

struct Expr;
using ExprPtr = std::shared_ptr<const Expr>;

// A duration written as an expression: 5m, step() * 2, max_of(range(), 1h). Seconds. Evaluated by
// EvaluateDuration (duration_expr.h).
struct DurationExpr {
  enum class Kind : uint8_t { kNumber, kStep, kRange, kMin, kMax, kAdd, kSub, kMul, kDiv, kMod,
                              kPow, kNegate, kPlus };
  Kind kind = Kind::kNumber;
  bool wrapped = false;              // Stands in parentheses: for printing only.
  bool written_as_duration = false;  // 5m rather than 300: for printing only.
  double number = 0;                 // kNumber, in seconds.
  std::shared_ptr<const DurationExpr> lhs, rhs;  // kNegate and kPlus: rhs.
  PositionRange pos;
  int height = 1;
};
using DurationExprPtr = std::shared_ptr<const DurationExpr>;

enum class AtKind : uint8_t { kNone, kTime, kStart, kEnd };
enum class Smoothing : uint8_t { kNone, kAnchored, kSmoothed };

// offset and @ of selectors and subqueries. Durations that are not literals stay expressions until
// the query's grid is known: then *_expr is set and the number is unset (0).
struct TimeShift {
  int64_t offset_ms = 0;          // As written.
  DurationExprPtr offset_expr;    // When not a literal.
  AtKind at = AtKind::kNone;
  model::TimeMs at_ms = 0;        // kTime.
};

enum class MatchCard : uint8_t { kOneToOne, kManyToOne, kOneToMany, kManyToMany };
std::string_view ToString(MatchCard card);  // "one-to-one" ...

struct VectorMatching {
  MatchCard card = MatchCard::kOneToOne;
  bool on = false;                          // on(...) rather than ignoring(...).
  std::vector<std::string> labels;          // As written.
  std::vector<std::string> include;         // group_left(...).
  std::optional<double> fill_lhs, fill_rhs;
};

// One node. A struct of all fields rather than a class per kind: visitors are switches on `kind`,
// and each field says which kinds it belongs to.
struct Expr {
  ExprKind kind;
  ValueType type = ValueType::kNone;
  PositionRange pos;
  int height = 1;  // Levels of the tree from here down: at most kMaxDepth, so recursion is safe.

  // kNumber, kString
  double number = 0;
  bool written_as_duration = false;  // `5m` as a scalar: for printing only.
  std::string text;                  // kString: the value.

  // kParen, kUnary, kAggregate, kMatrixSelector (its kVectorSelector), kSubquery: lhs is the
  // operand.
  // kBinary: both.
  ExprPtr lhs, rhs;
  bool negate = false;               // kUnary: '-' rather than '+'.

  // kBinary
  BinaryOp op = BinaryOp::kAdd;
  bool return_bool = false;
  std::optional<VectorMatching> matching;  // Set exactly between two vectors.
  PositionRange op_pos;

  // kAggregate
  AggregateOp aggregate = AggregateOp::kSum;
  ExprPtr param;
  std::vector<std::string> grouping;
  bool without = false;

  // kCall
  const struct Signature* function = nullptr;  // signatures.h; never null.
  std::vector<ExprPtr> args;

  // kVectorSelector
  std::string metric;                      // The name outside the braces, or "".
  std::vector<model::Matcher> matchers;    // Including __name__.
  // kVectorSelector, kSubquery (for a kMatrixSelector: on its selector)
  TimeShift shift;
  Smoothing smoothing = Smoothing::kNone;

  // kMatrixSelector, kSubquery
  int64_t range_ms = 0;
  DurationExprPtr range_expr;              // When not a literal.
  // kSubquery. 0 without step_expr: the default step.
  int64_t step_ms = 0;
  DurationExprPtr step_expr;
};

}  // namespace promql
