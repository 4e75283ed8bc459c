// What will be done, decided before anything is read: offsets, @ and duration expressions are
// numbers, every node knows its grid, equal selectors are one, and what does not depend on the step
// is marked to be evaluated once. Immutable once made; the Expr must outlive it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "promql/ast.h"
#include "promql/engine.h"
#include "promql/functions/functions.h"
#include "promql/samples.h"
#include "storage/model/matcher.h"

namespace promql {

enum class PlanKind : uint8_t {
  kNumber,
  kString,
  kSelect,         // The newest sample within the lookback, at each step.
  kTimestamps,     // timestamp() of a plain selector: the time of that sample.
  kStarts,         // start_timestamp() of a plain selector: the start of that sample.
  kWindow,         // A function of a range vector: of `selector`, or of a subquery, input[matrix].
  kMatrix,         // A bare range vector: raw samples.
  kSubquery,       // A bare subquery: input[0] on its own grid, as raw samples.
  kCells,          // A function cell by cell.
  kInfo,           // info(): input[0], with labels of info series looked up in `windows`.
  kCall,           // Any other function.
  kNegate,
  kBinary,
  kAggregate,      // input[0]; its parameter, if any, is input[1].
  kStepInvariant,  // input[0], on a grid of one step, repeated.
};

struct PlanNode {
  PlanKind kind;
  const Expr* expr;      // What it was made of, parentheses taken off.
  Grid grid;             // Of this node's rows.
  std::vector<std::unique_ptr<PlanNode>> input;  // Of calls: one for each argument.
  double number = 0;     // kNumber
  int selector = -1;     // kSelect, kTimestamps, kStarts, kMatrix, kWindow: index into Plan::selectors.
  int matrix = 0;        // kWindow: which argument is the range vector.
  // kWindow, kMatrix, kSubquery: those of the range; else the lookback windows.
  WindowGrid windows;
  Smoothing smoothing = Smoothing::kNone;  // kSelect, kWindow, kMatrix: of the selector.
  Buckets buckets = Buckets::kAll;  // Of a node with a selector: what it needs of histograms.
  bool starts = false;              // Likewise: whether it looks at start times.
  int equal_part = -1;              // Index into Plan::equal_parts, or none.
};

// A distinct set of matchers and all the time it is looked at in.
struct PlanSelector {
  std::vector<model::Matcher> matchers;
  model::TimeRange range = model::TimeRange::None();
  bool starts = false;  // Whether any node looks at start times.
  bool newest = false;  // Nobody looks at more than the newest sample of `range`.
  bool few_labels = false;  // Nobody looks at the labels of more than a few series.
  bool any_order = false;   // Nobody minds in which order they come.
};

struct Plan {
  std::unique_ptr<PlanNode> root;
  std::vector<PlanSelector> selectors;
  // Of nodes that are equal the last: it is evaluated for all of them. equal_parts.h
  std::vector<const PlanNode*> equal_parts;
  model::TimeRange range = model::TimeRange::None();  // All that is looked at; or 0..0.
};

struct PlanOptions {
  int64_t lookback_ms = 300'000;
  int64_t default_subquery_step_ms = 60'000;
  int64_t max_samples = 50'000'000;
  bool use_start_timestamps = false;  // See Engine::Options.
  bool push_matchers = true;          // pushed_matchers.h
  bool share_equal_parts = true;      // equal_parts.h
};

// kInvalidArgument: a duration that comes to nothing sensible, a type the grid does not allow.
// kUnimplemented: a part of the language that is not evaluated yet.
// kResourceExhausted: more steps in subqueries than max_samples.
// kAborted: errors that hang on no data, such as a bad label name in count_values.
absl::StatusOr<Plan> MakePlan(const Expr& expr, const Grid& grid, const PlanOptions& options);

// Without parentheses around it.
const Expr& StripParens(const Expr& expr);

// The windows of a selector or subquery with this shift, at each step of `grid`.
WindowGrid ShiftedWindows(const Grid& grid, int64_t offset_ms, const model::TimeMs* at,
                          int64_t range_ms);

}  // namespace promql
