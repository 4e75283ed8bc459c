#include "promql/plan.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include <absl/container/flat_hash_map.h>

#include "promql/context.h"
#include "promql/duration_expr.h"
#include "promql/equal_parts.h"
#include "promql/plan_rules.h"
#include "promql/printer.h"
#include "promql/pushed_matchers.h"
#include "promql/signatures.h"
#include "storage/base/status.h"
#include "storage/model/labels.h"

namespace promql {
namespace {

// Times are kept this far from the ends of 64 bits, so that windows around them cannot overflow.
constexpr model::TimeMs kFarthest = int64_t{1} << 61;

model::TimeMs Clamp(model::TimeMs t) { return std::clamp(t, -kFarthest, kFarthest); }

int64_t NumSteps(const Grid& grid) {
  return grid.step_ms == 0 ? 1 : (grid.end - grid.start) / grid.step_ms + 1;
}

// Of a function over a range marked `anchored` or `smoothed`.
absl::Status CheckSmoothing(std::string_view function, Smoothing smoothing) {
  if (FindWindowFunction(function, smoothing).run != nullptr) return absl::OkStatus();
  if (smoothing == Smoothing::kAnchored) {
    return base::Aborted("anchored modifier can only be used with: changes, delta, increase, rate, "
                         "resets - not with {}", function);
  }
  if (smoothing == Smoothing::kSmoothed) {
    return base::Aborted("smoothed modifier can only be used with: delta, increase, rate - not "
                         "with {}", function);
  }
  return base::Unimplemented("function {} is not supported yet", function);
}

// Whether of its input's series an aggregation looks at no more than groups, and labels of a few.
bool LooksAtFewLabels(const Expr& aggregate) {
  if (aggregate.without) return false;
  switch (aggregate.aggregate) {
    case AggregateOp::kCountValues:
    case AggregateOp::kLimitk:
    case AggregateOp::kLimitRatio:
      return false;
    default:
      return true;
  }
}

// Whether it is the same, to the bit and with all that is said, in whatever order they come.
bool TakesAnyOrder(const Expr& aggregate) {
  if (aggregate.without || !aggregate.grouping.empty()) return false;  // Groups come in that order.
  return aggregate.aggregate == AggregateOp::kCount || aggregate.aggregate == AggregateOp::kGroup;
}

class Planner {
 public:
  using Node = std::unique_ptr<PlanNode>;

  Planner(const Grid& grid, const PlanOptions& options, Plan* plan)
      : query_(grid),
        scope_{grid.step_ms, grid.end - grid.start},
        options_(options),
        plan_(plan),
        steps_left_(options.max_samples) {}

  absl::Status Run(const Expr& expr) {
    invariants_ = FindInvariants(expr);
    if (options_.push_matchers) pushed_ = FindPushedMatchers(expr);
    ASSIGN_OR_RETURN(plan_->root, MakeSplit(expr, query_));
    return absl::OkStatus();
  }

 private:
  static Node New(PlanKind kind, const Expr& expr, const Grid& grid) {
    auto node = std::make_unique<PlanNode>();
    node->kind = kind;
    node->expr = &expr;
    node->grid = grid;
    return node;
  }

  // Where a step-invariant part is split off, if `expr` is one.
  absl::StatusOr<Node> MakeSplit(const Expr& with_parens, const Grid& grid) {
    const Expr& expr = StripParens(with_parens);
    const Invariance& found = invariants_[&expr];
    if (!found.wrap || NumSteps(grid) == 1) return Make(expr, grid);
    return MakeOnce(expr, grid);
  }

  absl::StatusOr<Node> MakeOnce(const Expr& expr, const Grid& grid) {
    Grid once = grid;
    once.end = once.start;
    Node node = New(PlanKind::kStepInvariant, expr, grid);
    ASSIGN_OR_RETURN(Node input, Make(expr, once));
    node->input.push_back(std::move(input));
    return node;
  }

  absl::StatusOr<Node> Make(const Expr& with_parens, const Grid& grid) {
    const Expr& expr = StripParens(with_parens);
    RETURN_IF_ERROR(TakeSteps(grid));
    switch (expr.kind) {
      case ExprKind::kNumber: {
        Node node = New(PlanKind::kNumber, expr, grid);
        node->number = expr.number;
        return node;
      }
      case ExprKind::kString: return New(PlanKind::kString, expr, grid);
      case ExprKind::kParen: return Make(*expr.lhs, grid);
      case ExprKind::kUnary: return MakeUnary(expr, grid);
      case ExprKind::kBinary: return MakeBinary(expr, grid);
      case ExprKind::kAggregate: return MakeAggregate(expr, grid);
      case ExprKind::kCall: return MakeCall(expr, grid);
      case ExprKind::kVectorSelector: return MakeSelect(PlanKind::kSelect, expr, expr, grid);
      case ExprKind::kMatrixSelector: {
        Node node = New(PlanKind::kMatrix, expr, grid);
        RETURN_IF_ERROR(SetRange(expr, node.get()));
        return node;
      }
      case ExprKind::kSubquery: return MakeSubquery(expr, grid);
    }
    return base::Internal("unknown kind of expression");
  }

  // A row on a very fine subquery grid is large, whatever it holds.
  absl::Status TakeSteps(const Grid& grid) {
    const int64_t steps = NumSteps(grid);
    if (steps <= kTileCells) return absl::OkStatus();
    steps_left_ -= steps;
    if (steps_left_ >= 0) return absl::OkStatus();
    return TooManySamples();
  }

  absl::StatusOr<Node> MakeUnary(const Expr& expr, const Grid& grid) {
    if (!expr.negate) return Make(*expr.lhs, grid);
    Node node = New(PlanKind::kNegate, expr, grid);
    ASSIGN_OR_RETURN(Node input, Make(*expr.lhs, grid));
    node->input.push_back(std::move(input));
    return node;
  }

  absl::StatusOr<Node> MakeBinary(const Expr& expr, const Grid& grid) {
    const bool trims = expr.op == BinaryOp::kTrimLower || expr.op == BinaryOp::kTrimUpper;
    const Inside inside(trims ? &needs_buckets_ : nullptr);
    Node node = New(PlanKind::kBinary, expr, grid);
    ASSIGN_OR_RETURN(Node lhs, MakeSplit(*expr.lhs, grid));
    ASSIGN_OR_RETURN(Node rhs, MakeSplit(*expr.rhs, grid));
    node->input.push_back(std::move(lhs));
    node->input.push_back(std::move(rhs));
    return node;
  }

  absl::StatusOr<Node> MakeAggregate(const Expr& expr, const Grid& grid) {
    Node node = New(PlanKind::kAggregate, expr, grid);
    aggregated_[&StripParens(*expr.lhs)] = &expr;
    ASSIGN_OR_RETURN(Node input, Make(*expr.lhs, grid));
    node->input.push_back(std::move(input));
    if (expr.param == nullptr) return node;
    const Expr& param = StripParens(*expr.param);
    if (expr.aggregate == AggregateOp::kCountValues &&
        (param.text.empty() || !model::IsValidUtf8(param.text))) {
      std::string quoted;
      model::AppendQuoted(&quoted, param.text);
      return base::Aborted("invalid label name {}", quoted);
    }
    ASSIGN_OR_RETURN(Node made, Make(param, grid));
    node->input.push_back(std::move(made));
    return node;
  }

  absl::StatusOr<Node> MakeCall(const Expr& call, const Grid& grid) {
    const std::string_view name = call.function->name;
    const Inside inside(DepthOf(name));
    if (const auto constant = QueryConstant(call, query_)) {
      Node node = New(PlanKind::kNumber, call, grid);
      node->number = *constant;
      return node;
    }
    if (name == "timestamp" || name == "start_timestamp") {
      const Expr& arg = StripParens(*call.args[0]);
      if (arg.kind == ExprKind::kVectorSelector) {
        const auto kind = name == "timestamp" ? PlanKind::kTimestamps : PlanKind::kStarts;
        return MakeSelect(kind, call, arg, grid);
      }
    }
    if (name == "info") return MakeInfo(call, grid);
    for (size_t i = 0; i < call.args.size(); ++i) {
      if (call.args[i]->type == ValueType::kMatrix) {
        return MakeWindow(call, static_cast<int>(i), grid);
      }
    }
    const bool cells = !call.args.empty() && FindCellFunction(name) != nullptr;
    Node node = New(cells ? PlanKind::kCells : PlanKind::kCall, call, grid);
    for (const ExprPtr& arg : call.args) {
      ASSIGN_OR_RETURN(Node input, MakeSplit(*arg, grid));
      node->input.push_back(std::move(input));
    }
    return node;
  }

  absl::StatusOr<Node> MakeInfo(const Expr& call, const Grid& grid) {
    Node node = New(PlanKind::kInfo, call, grid);
    ASSIGN_OR_RETURN(Node input, MakeSplit(*call.args[0], grid));
    node->input.push_back(std::move(input));
    // Info series are looked up where the first selector of the argument looks: offsets of the
    // subqueries around it add up, until an @ settles the time.
    std::optional<model::TimeMs> at;
    int64_t offset_ms = 0;
    for (const TimeShift* shift : FirstSelectorShifts(*call.args[0])) {
      if (at.has_value()) break;
      at = At(*shift);
      ASSIGN_OR_RETURN(const int64_t more_ms, OffsetMs(*shift));
      offset_ms = std::clamp(offset_ms + more_ms, -kFarthest, kFarthest);
    }
    node->windows =
        ShiftedWindows(grid, offset_ms, at ? &*at : nullptr, options_.lookback_ms);
    plan_->range.Extend(node->windows.reach());
    return node;
  }

  absl::StatusOr<Node> MakeWindow(const Expr& call, int matrix, const Grid& grid) {
    Node node = New(PlanKind::kWindow, call, grid);
    node->matrix = matrix;
    for (int i = 0; i < static_cast<int>(call.args.size()); ++i) {
      const Expr& arg = StripParens(*call.args[i]);
      if (i != matrix) {
        ASSIGN_OR_RETURN(Node input, MakeSplit(arg, grid));
        node->input.push_back(std::move(input));
      } else if (arg.kind == ExprKind::kSubquery) {
        ASSIGN_OR_RETURN(Node input, MakeSubquery(arg, grid));
        node->windows = input->windows;
        node->input.push_back(std::move(input));
      } else {
        RETURN_IF_ERROR(SetRange(arg, node.get()));
        node->input.push_back(nullptr);
      }
    }
    RETURN_IF_ERROR(CheckSmoothing(call.function->name, node->smoothing));
    if (call.function->name != "absent_over_time") return node;
    Node frame = New(PlanKind::kCall, call, grid);
    frame->input.push_back(std::move(node));
    return frame;
  }

  absl::StatusOr<Node> MakeSelect(PlanKind kind, const Expr& expr, const Expr& selector,
                                  const Grid& grid) {
    Node node = New(kind, expr, grid);
    ASSIGN_OR_RETURN(node->windows, Windows(selector.shift, options_.lookback_ms, grid));
    node->starts = kind == PlanKind::kStarts && options_.use_start_timestamps;
    // An instant vector has no anchor, and timestamp() asks for a sample.
    if (kind == PlanKind::kSelect && selector.smoothing == Smoothing::kSmoothed) {
      node->smoothing = selector.smoothing;
      node->windows.after_ms = options_.lookback_ms;
    }
    node->selector = AddSelector(selector, *node);
    node->buckets = NeededBuckets();
    return node;
  }

  absl::Status SetRange(const Expr& matrix, PlanNode* node) {
    const Expr& selector = StripParens(*matrix.lhs);
    ASSIGN_OR_RETURN(const int64_t range_ms, Duration(matrix.range_ms, matrix.range_expr.get()));
    ASSIGN_OR_RETURN(node->windows, Windows(selector.shift, range_ms, node->grid));
    node->smoothing = selector.smoothing;
    if (node->smoothing != Smoothing::kNone) node->windows.before_ms = options_.lookback_ms;
    if (node->smoothing == Smoothing::kSmoothed) node->windows.after_ms = options_.lookback_ms;
    if (options_.use_start_timestamps && node->kind == PlanKind::kWindow) {
      const WindowSpec spec = FindWindowFunction(node->expr->function->name, node->smoothing);
      node->starts = spec.run_started != nullptr;
    }
    node->selector = AddSelector(selector, *node);
    node->buckets = NeededBuckets();
    return absl::OkStatus();
  }

  absl::StatusOr<Node> MakeSubquery(const Expr& expr, const Grid& grid) {
    ASSIGN_OR_RETURN(const int64_t range_ms, Duration(expr.range_ms, expr.range_expr.get()));
    ASSIGN_OR_RETURN(int64_t step_ms, Duration(expr.step_ms, expr.step_expr.get()));
    if (step_ms <= 0) step_ms = std::max<int64_t>(1, options_.default_subquery_step_ms);
    Node node = New(PlanKind::kSubquery, expr, grid);
    ASSIGN_OR_RETURN(node->windows, Windows(expr.shift, range_ms, grid));

    // Its own grid: multiples of the step since the epoch, inside the union of the windows.
    const WindowGrid& windows = node->windows;
    const model::TimeMs before = windows.first_end - range_ms;
    Grid inner;
    inner.step_ms = step_ms;
    inner.start = step_ms * (before / step_ms);
    if (inner.start <= before) inner.start += step_ms;
    inner.end = windows.end(windows.steps - 1);
    if (inner.end < inner.start) {  // No point of the grid inside: nothing to evaluate.
      node->grid = Grid{inner.start, inner.start, step_ms};
      return node;
    }
    node->grid = inner;
    const Expr& body = StripParens(*expr.lhs);
    RETURN_IF_ERROR(TakeSteps(inner));
    const Inside inside(&needs_buckets_);
    const bool once = invariants_[&body].invariant && NumSteps(inner) > 1;
    ASSIGN_OR_RETURN(Node input, once ? MakeOnce(body, inner) : Make(body, inner));
    node->input.push_back(std::move(input));
    return node;
  }

  // One level deeper, while it lives.
  class Inside {
   public:
    explicit Inside(int* depth) : depth_(depth) {
      if (depth_ != nullptr) ++*depth_;
    }
    ~Inside() {
      if (depth_ != nullptr) --*depth_;
    }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    int* const depth_;
  };

  // Of histograms inside histogram_count and the like count and sum will do, unless something around
  // it, near or far, looks at buckets.
  int* DepthOf(std::string_view function) {
    if (function == "histogram_count" || function == "histogram_sum" ||
        function == "histogram_avg") {
      return &needs_totals_;
    }
    if (function == "histogram_quantile" || function == "histogram_quantiles" ||
        function == "histogram_fraction") {
      return &needs_buckets_;
    }
    return nullptr;
  }
  Buckets NeededBuckets() const {
    return needs_totals_ > 0 && needs_buckets_ == 0 ? Buckets::kNone : Buckets::kAll;
  }

  absl::StatusOr<int64_t> Duration(int64_t literal_ms, const DurationExpr* expr) {
    if (expr == nullptr) return literal_ms;
    return EvaluateDuration(*expr, scope_, /*allow_negative=*/false);
  }

  absl::StatusOr<int64_t> OffsetMs(const TimeShift& shift) const {
    if (shift.offset_expr == nullptr) return shift.offset_ms;
    return EvaluateDuration(*shift.offset_expr, scope_, /*allow_negative=*/true);
  }

  std::optional<model::TimeMs> At(const TimeShift& shift) const {
    switch (shift.at) {
      case AtKind::kNone: break;
      case AtKind::kTime: return shift.at_ms;
      case AtKind::kStart: return query_.start;
      case AtKind::kEnd: return query_.end;
    }
    return std::nullopt;
  }

  absl::StatusOr<WindowGrid> Windows(const TimeShift& shift, int64_t range_ms, const Grid& grid) {
    ASSIGN_OR_RETURN(const int64_t offset_ms, OffsetMs(shift));
    const auto at = At(shift);
    return ShiftedWindows(grid, offset_ms, at ? &*at : nullptr, range_ms);
  }

  int AddSelector(const Expr& selector, const PlanNode& node) {
    const model::TimeRange range = node.windows.reach();
    const bool newest = node.kind != PlanKind::kWindow && node.kind != PlanKind::kMatrix &&
                        node.windows.steps == 1 && node.smoothing != Smoothing::kSmoothed;
    // A function of windows looks at no more labels than what it hands them to.
    const bool window = node.kind == PlanKind::kWindow;
    const auto above = aggregated_.find(window ? node.expr : &selector);
    const bool few_labels = above != aggregated_.end() && LooksAtFewLabels(*above->second);
    const bool any_order = above != aggregated_.end() && !window && TakesAnyOrder(*above->second);
    plan_->range.Extend(range);
    std::vector<model::Matcher> matchers = selector.matchers;
    if (const auto more = pushed_.find(&selector); more != pushed_.end()) {
      matchers.insert(matchers.end(), more->second.begin(), more->second.end());
    }
    for (size_t i = 0; i < plan_->selectors.size(); ++i) {
      PlanSelector& known = plan_->selectors[i];
      if (known.matchers != matchers) continue;
      known.newest = known.newest && newest && known.range.max == range.max;
      known.few_labels &= few_labels;
      known.any_order &= any_order;
      known.range.Extend(range);
      known.starts |= node.starts;
      return static_cast<int>(i);
    }
    plan_->selectors.push_back(
        {std::move(matchers), range, node.starts, newest, few_labels, any_order});
    return static_cast<int>(plan_->selectors.size()) - 1;
  }

  const Grid query_;
  const DurationScope scope_;
  const PlanOptions options_;
  Plan* plan_;
  int64_t steps_left_;
  InvarianceMap invariants_;
  PushedMatchers pushed_;
  absl::flat_hash_map<const Expr*, const Expr*> aggregated_;  // Argument -> aggregation.
  int needs_totals_ = 0, needs_buckets_ = 0;  // How many around the place being planned.
};

}  // namespace

const Expr& StripParens(const Expr& expr) {
  const Expr* at = &expr;
  while (at->kind == ExprKind::kParen) at = at->lhs.get();
  return *at;
}

WindowGrid ShiftedWindows(const Grid& grid, int64_t offset_ms, const model::TimeMs* at,
                          int64_t range_ms) {
  // Offsets and ranges fit 2^54 milliseconds (64 bits of nanoseconds).
  WindowGrid windows;
  windows.first_end = Clamp(Clamp(at != nullptr ? *at : grid.start) - offset_ms);
  windows.step_ms = at != nullptr ? 0 : grid.step_ms;
  windows.steps = grid.size();
  windows.range_ms = range_ms;
  return windows;
}

absl::StatusOr<Plan> MakePlan(const Expr& expr, const Grid& grid, const PlanOptions& options) {
  const bool instant = grid.step_ms == 0;
  if (!instant && expr.type != ValueType::kScalar && expr.type != ValueType::kVector) {
    return base::InvalidArgument(
        "invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
        Describe(expr.type));
  }
  if (grid.start != Clamp(grid.start) || grid.end != Clamp(grid.end)) {
    return base::InvalidArgument("evaluation time is out of range");
  }
  if (NumSteps(grid) > options.max_samples) {
    return TooManySamples();
  }
  Plan plan;
  RETURN_IF_ERROR(Planner(grid, options, &plan).Run(expr));
  if (plan.range.empty()) plan.range = {0, 0};
  if (options.share_equal_parts) FindEqualParts(&plan);
  return plan;
}

}  // namespace promql
