#include "promql/operators/binary_cell.h"

#include <utility>

#include <fmt/format.h>

#include "promql/histogram/arithmetic.h"
#include "promql/histogram/counter_reset.h"
#include "promql/histogram/trim.h"

namespace promql {
namespace {

void Say(BinaryNote note, const Expr& binary, AnnotationSink* annotations) {
  const auto types = [&](std::string_view lhs, std::string_view rhs) {
    annotations->Info(
        fmt::format("incompatible sample types encountered for binary operator \"{1}\": {0} {1} {2}",
                    lhs, ToString(binary.op), rhs),
        binary.pos);
  };
  const std::string_view operation = binary.op == BinaryOp::kAdd ? "addition" : "subtraction";
  switch (note) {
    case BinaryNote::kNone: return;
    case BinaryNote::kFloatFloat: return types("float", "float");
    case BinaryNote::kFloatHistogram: return types("float", "histogram");
    case BinaryNote::kHistogramFloat: return types("histogram", "float");
    case BinaryNote::kHistogramHistogram: return types("histogram", "histogram");
    case BinaryNote::kIncompatibleBuckets:
      return annotations->Warn(
          fmt::format("incompatible bucket layout encountered for binary operator {}",
                      ToString(binary.op)),
          binary.pos);
    case BinaryNote::kResetCollision:
      return annotations->Warn(
          fmt::format("conflicting counter resets during histogram {}", operation), binary.pos);
    case BinaryNote::kReconciled:
      return annotations->Info(
          fmt::format("mismatched custom buckets were reconciled during {}", operation),
          binary.pos);
  }
}

BinaryCell Dropped(BinaryNote note) {
  BinaryCell cell;
  cell.dropped = true;
  cell.note = note;
  return cell;
}

BinaryCell Result(model::FloatHistogram h) {
  BinaryCell cell;
  cell.histogram = Share(std::move(h));
  cell.holds = true;
  return cell;
}

BinaryCell Scaled(BinaryOp op, model::FloatHistogram h, double by) {
  if (op == BinaryOp::kMul) {
    histogram::Multiply(by, &h);
  } else {
    histogram::Divide(by, &h);
  }
  histogram::Compact(&h);
  return Result(std::move(h));
}

BinaryCell Trimmed(BinaryOp op, model::FloatHistogram h, double at) {
  histogram::Trim(op == BinaryOp::kTrimUpper ? histogram::Keep::kBelow : histogram::Keep::kAbove,
                  at, &h);
  return Result(std::move(h));
}

BinaryCell SumOrDifference(BinaryOp op, model::FloatHistogram h, const model::FloatHistogram& by) {
  const histogram::AddOutcome outcome =
      op == BinaryOp::kAdd ? histogram::Add(by, &h) : histogram::Subtract(by, &h);
  if (!outcome.compatible) return Dropped(BinaryNote::kIncompatibleBuckets);
  // As in the reference, which gives no result then.
  if (outcome.reset_collision) return Dropped(BinaryNote::kResetCollision);
  if (op == BinaryOp::kSub) h.hint = model::ResetHint::kGauge;
  histogram::Compact(&h);
  BinaryCell cell = Result(std::move(h));
  if (outcome.bounds_reconciled) cell.note = BinaryNote::kReconciled;
  return cell;
}

BinaryCell Compared(bool holds, const HistogramPtr& lhs) {
  BinaryCell cell;
  cell.histogram = lhs;
  cell.holds = holds;
  return cell;
}

}  // namespace

BinaryCell ComputeCell(BinaryOp op, const Operand& lhs, const Operand& rhs) {
  if (lhs.histogram == nullptr && rhs.histogram == nullptr) {  // Trims.
    return Dropped(BinaryNote::kFloatFloat);
  }
  if (lhs.histogram == nullptr) {
    if (op == BinaryOp::kMul) return Scaled(op, **rhs.histogram, lhs.value);
    return Dropped(BinaryNote::kFloatHistogram);
  }
  if (rhs.histogram == nullptr) {
    switch (op) {
      case BinaryOp::kMul:
      case BinaryOp::kDiv: return Scaled(op, **lhs.histogram, rhs.value);
      case BinaryOp::kTrimUpper:
      case BinaryOp::kTrimLower: return Trimmed(op, **lhs.histogram, rhs.value);
      default: return Dropped(BinaryNote::kHistogramFloat);
    }
  }
  switch (op) {
    case BinaryOp::kAdd:
    case BinaryOp::kSub: return SumOrDifference(op, **lhs.histogram, **rhs.histogram);
    case BinaryOp::kEq:
      return Compared(histogram::Equal(**lhs.histogram, **rhs.histogram), *lhs.histogram);
    case BinaryOp::kNe:
      return Compared(!histogram::Equal(**lhs.histogram, **rhs.histogram), *lhs.histogram);
    default: return Dropped(BinaryNote::kHistogramHistogram);
  }
}

void BinaryNotes::Add(int step, int steps, BinaryNote note) {
  if (last_.empty()) last_.resize(steps);
  last_[step] = note;
}

void BinaryNotes::Report(const Expr& binary, AnnotationSink* annotations) {
  BinaryNote before = BinaryNote::kNone;
  for (const BinaryNote note : last_) {
    if (note != before && note != BinaryNote::kNone) Say(note, binary, annotations);
    before = note;
  }
  last_.clear();
}

}  // namespace promql
