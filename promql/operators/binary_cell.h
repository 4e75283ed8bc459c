// Binary operators where at least one side is a histogram: one cell.
#pragma once

#include <cstdint>
#include <vector>

#include "promql/ast.h"
#include "promql/context.h"
#include "promql/histogram/cell.h"

namespace promql {

struct Operand {
  double value = 0;
  const HistogramPtr* histogram = nullptr;  // Instead of the value.
};

// What there is to say about one cell.
enum class BinaryNote : uint8_t {
  kNone,
  kFloatFloat, kFloatHistogram, kHistogramFloat, kHistogramHistogram,  // Do not go together.
  kIncompatibleBuckets,  // Exponential and custom ones.
  kResetCollision,
  kReconciled,           // Custom bounds were others.
};

// What is said of a step is what came up last in it, as in the reference.
class BinaryNotes {
 public:
  void Add(int step, int steps, BinaryNote note);
  void Report(const Expr& binary, AnnotationSink* annotations);  // And forgets.

 private:
  std::vector<BinaryNote> last_;  // By step, or empty.
};

struct BinaryCell {
  HistogramPtr histogram;  // The result, null where comparisons do not hold.
  bool holds = false;      // Of comparisons.
  bool dropped = false;    // No result whatever: the operands do not go together.
  BinaryNote note = BinaryNote::kNone;
};
// `op` is no set operator. Of comparisons the result is the left side.
BinaryCell ComputeCell(BinaryOp op, const Operand& lhs, const Operand& rhs);

}  // namespace promql
