// The bodies of the language's functions, by shape. build.cc looks a call up here.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "promql/ast.h"
#include "promql/context.h"
#include "promql/kernels/window.h"
#include "promql/operator.h"
#include "promql/samples.h"
#include "storage/chunk/thin.h"

namespace promql {

// A function of a range vector: rate, sum_over_time, ... One pass over the columns for all steps.
//   samples   ascending, stale markers already removed; NaN values pass through. Those that
//             WindowSpec::want does not want may be left out: samples.Count() knows how many
//   eval_times at step i is where the query stands (differs from end(i) with offset or @): i-th of
//             grid `eval` (predict_linear needs it)
//   out       all absent on entry
// Thread-safe, no allocation in proportion to steps x samples.
using WindowFunction = void (*)(const chunk::SampleColumns& samples, const WindowGrid& windows,
                                const Grid& eval, ScalarParams params, Row out);

// The same where samples have starts: starts[i] is that of samples[i], 0 when it is not known.
// `samples` are all there are.
using StartedFunction = void (*)(const chunk::SampleColumns& samples,
                                 std::span<const model::TimeMs> starts, const WindowGrid& windows,
                                 Row out);

// What must be said about the parameters: a warning on a quantile outside [0, 1], an error on a
// smoothing factor. To be called after each run with the row it filled; only the cells present
// count, as Prometheus looks at parameters only where a window has samples.
using WindowCheck = absl::Status (*)(const Expr& call, ScalarParams params, const Row& out,
                                     AnnotationSink* annotations);
// The error alone, at one step: of a window whose samples are all histograms, and ignored.
using StepCheck = absl::Status (*)(ScalarParams params, int step);

// What a window with histograms gives: a float, a histogram, or nothing.
struct MixedCell {
  std::optional<double> value;
  HistogramPtr histogram;
};

// A window that holds at least one histogram, and perhaps floats. No time is in both. With what is in
// reach of it, where it may look further (WindowGrid::before_ms).
struct MixedWindow {
  std::span<const model::TimeMs> float_times;
  std::span<const double> floats;
  std::span<const model::TimeMs> times;
  std::span<const HistogramPtr> histograms;
  std::span<const model::TimeMs> float_starts, starts;  // Empty when the series has none.
  model::TimeMs end = 0;  // The window is (end - range_ms, end].
  int64_t range_ms = 0;
};

// `notes` collects WindowNotes. Thread-safe.
using MixedFunction = MixedCell (*)(const MixedWindow& window, uint32_t* notes);

// What a window function may have to say about histograms, once a series.
enum WindowNote : uint32_t {
  kNoteMixed = 1,            // Floats and histograms.
  kNoteNotCounter = 2,       // A gauge.
  kNoteNotGauge = 4,
  kNoteMixedSchemas = 8,     // Exponential and custom buckets.
  kNoteSubReconciled = 16,   // Custom bounds were others: in a difference,
  kNoteAddReconciled = 32,   // in a sum,
  kNoteAggReconciled = 64,   // in an aggregate.
  kNoteResetCollision = 128,
  kNoteIgnored = 256,        // Only the floats counted.
  kNoteOverlap = 512,        // A sample began to count before another one that began elsewhere.
};
// `overlaps`: in how many windows kNoteOverlap is due.
void Annotate(uint32_t notes, int64_t overlaps, std::string_view metric, PositionRange pos,
              AnnotationSink* sink);

struct WindowSpec {
  WindowFunction run = nullptr;
  // For windows with histograms. Null: `run` over the floats is the answer, histograms are ignored.
  MixedFunction run_mixed = nullptr;
  // For series with starts. Null: they are not looked at.
  StartedFunction run_started = nullptr;
  bool keeps_name = false;      // last_over_time, first_over_time
  bool wants_counter = false;   // rate, increase: info when the name does not look like a counter
  bool warns_of_overlaps = false;  // Of starts.
  bool quiet = false;  // Has nothing to say, whatever the samples: no note, no error.
  chunk::Want want = chunk::Want::kAll;
  WindowCheck check = nullptr;  // Null when there is nothing to check.
  StepCheck check_step = nullptr;
};
// Null run when `name` is not a function of a range vector over floats, or not one that may be used
// with `smoothing`.
WindowSpec FindWindowFunction(std::string_view name, Smoothing smoothing = Smoothing::kNone);

// A function cell by cell: abs, ln, clamp, round, hour(v) ... In place; presence may be dropped
// (clamp with min > max gives nothing). The name is dropped by the caller.
using CellFunction = void (*)(Row row, const Grid& eval, ScalarParams params);
CellFunction FindCellFunction(std::string_view name);  // Null when there is none.

// Everything that is a function but neither of the above: histogram_quantile, histogram_fraction,
// label_replace, label_join, absent, sort*, scalar, vector, time, pi, hour() without argument ...
// `args` are the operators of call.args in order, null where the argument is a string literal (read
// it from call.args). Null when `call` is not such a function. `call` must outlive the operator.
//   timestamp          of an expression is a CellFunction; of a plain selector it is the caller's.
//   absent_over_time   is a WindowFunction (1 where the window has samples); the operator made here
//                      turns those rows, args[0], into the answer.
//   names              stay on the series of these operators: who builds drops them, see DropsName.
absl::StatusOr<OperatorPtr> MakeFunctionOperator(const Expr& call, std::vector<OperatorPtr> args);

// Whether the function's results lose the metric name (with __type__ and __unit__). spec 1.3.
bool DropsName(std::string_view function);
// Of those, whether they lose the name alone.
bool KeepsTypeAndUnit(std::string_view function);

}  // namespace promql
