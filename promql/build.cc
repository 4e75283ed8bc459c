#include "promql/build.h"

#include <utility>
#include <vector>

#include "promql/analysis.h"
#include "promql/functions/functions.h"
#include "promql/operators/aggregate.h"
#include "promql/operators/info.h"
#include "promql/operators/join.h"
#include "promql/operators/literal.h"
#include "promql/operators/map.h"
#include "promql/operators/names.h"
#include "promql/operators/rank.h"
#include "promql/operators/scalar_op.h"
#include "promql/operators/select.h"
#include "promql/operators/set_op.h"
#include "promql/operators/shared.h"
#include "promql/operators/step_invariant.h"
#include "promql/operators/window.h"
#include "promql/signatures.h"
#include "storage/base/status.h"

namespace promql {
namespace {

absl::StatusOr<OperatorPtr> BuildInput(const PlanNode& plan, int i, Selections* selections) {
  return Build(*plan.input[i], selections);
}

absl::StatusOr<OperatorPtr> BuildWindow(const PlanNode& plan, Selections* selections) {
  const WindowSpec spec = FindWindowFunction(plan.expr->function->name, plan.smoothing);
  std::vector<OperatorPtr> params;
  for (int i = 0; i < static_cast<int>(plan.input.size()); ++i) {
    if (i == plan.matrix) continue;
    ASSIGN_OR_RETURN(OperatorPtr param, BuildInput(plan, i, selections));
    params.push_back(std::move(param));
  }
  std::unique_ptr<SampleSource> source;
  if (plan.selector >= 0) {
    source = MakeSelectorSource(plan, spec.want, selections);
  } else {
    ASSIGN_OR_RETURN(source, BuildMatrix(*plan.input[plan.matrix], selections));
  }
  OperatorPtr window = MakeWindow(plan, spec, std::move(source), std::move(params));
  if (spec.keeps_name || !DropsName(plan.expr->function->name)) return window;
  return DropNames(std::move(window), OnSameLabels::kReject);
}

absl::StatusOr<OperatorPtr> BuildCells(const PlanNode& plan, Selections* selections) {
  const std::string_view name = plan.expr->function->name;
  ASSIGN_OR_RETURN(OperatorPtr input, BuildInput(plan, 0, selections));
  std::vector<OperatorPtr> params;
  for (size_t i = 1; i < plan.input.size(); ++i) {
    ASSIGN_OR_RETURN(OperatorPtr param, BuildInput(plan, static_cast<int>(i), selections));
    params.push_back(std::move(param));
  }
  OperatorPtr cells = MakeCells(FindCellFunction(name), std::move(input), std::move(params),
                                std::string(name), /*takes_histograms=*/name == "timestamp");
  if (!DropsName(name)) return cells;
  return DropNames(std::move(cells), OnSameLabels::kMerge);
}

absl::StatusOr<OperatorPtr> BuildCall(const PlanNode& plan, Selections* selections) {
  const std::string_view name = plan.expr->function->name;
  std::vector<OperatorPtr> args(plan.input.size());
  for (size_t i = 0; i < plan.input.size(); ++i) {
    if (plan.input[i]->kind == PlanKind::kString) continue;
    ASSIGN_OR_RETURN(args[i], BuildInput(plan, static_cast<int>(i), selections));
  }
  ASSIGN_OR_RETURN(OperatorPtr made, MakeFunctionOperator(*plan.expr, std::move(args)));
  if (made == nullptr) return base::Unimplemented("function {} is not supported yet", name);
  if (plan.expr->type != ValueType::kVector || !DropsName(name)) return made;
  return DropNames(std::move(made), OnSameLabels::kMerge,
                   KeepsTypeAndUnit(name) ? Drop::kNameOnly : Drop::kMetadata);
}

absl::StatusOr<OperatorPtr> BuildNegate(const PlanNode& plan, Selections* selections) {
  ASSIGN_OR_RETURN(OperatorPtr input, BuildInput(plan, 0, selections));
  OperatorPtr negate = MakeNegate(std::move(input));
  if (plan.expr->type != ValueType::kVector) return negate;
  return DropNames(std::move(negate), OnSameLabels::kMerge);
}

absl::StatusOr<OperatorPtr> BuildBinary(const PlanNode& plan, Selections* selections) {
  const Expr& expr = *plan.expr;
  ASSIGN_OR_RETURN(OperatorPtr lhs, BuildInput(plan, 0, selections));
  ASSIGN_OR_RETURN(OperatorPtr rhs, BuildInput(plan, 1, selections));
  const bool l_vector = expr.lhs->type == ValueType::kVector;
  const bool r_vector = expr.rhs->type == ValueType::kVector;
  if (!l_vector || !r_vector) {
    OperatorPtr made = MakeScalarOp(expr, std::move(lhs), std::move(rhs));
    if ((!l_vector && !r_vector) || (!ChangesMeaning(expr.op) && !expr.return_bool)) return made;
    return DropNames(std::move(made), OnSameLabels::kMerge);
  }
  if (!IsSetOperator(expr.op)) return MakeJoin(expr, std::move(lhs), std::move(rhs));
  OperatorPtr made = MakeSetOp(expr, std::move(lhs), std::move(rhs));
  return expr.op == BinaryOp::kOr ? MergeSame(std::move(made)) : std::move(made);
}

absl::StatusOr<OperatorPtr> BuildAggregate(const PlanNode& plan, Selections* selections) {
  const Expr& expr = *plan.expr;
  ASSIGN_OR_RETURN(OperatorPtr input, BuildInput(plan, 0, selections));
  if (expr.aggregate == AggregateOp::kCountValues) {
    return MakeCountValues(expr, std::move(input), plan.input[1]->expr->text);
  }
  if (plan.input.size() == 1) return MakeAggregate(expr, std::move(input));
  ASSIGN_OR_RETURN(OperatorPtr param, BuildInput(plan, 1, selections));
  if (expr.aggregate == AggregateOp::kQuantile) {
    return MakeQuantile(expr, std::move(input), std::move(param));
  }
  if (expr.aggregate == AggregateOp::kLimitk || expr.aggregate == AggregateOp::kLimitRatio) {
    return MakeLimit(expr, std::move(input), std::move(param));
  }
  return MakeRank(expr, std::move(input), std::move(param));
}

absl::StatusOr<OperatorPtr> BuildNode(const PlanNode& plan, Selections* selections) {
  switch (plan.kind) {
    case PlanKind::kNumber: return MakeNumber(plan.number);
    case PlanKind::kSelect: return MakeSelect(plan, selections, SelectValue::kSample);
    case PlanKind::kTimestamps:
      return DropNames(MakeSelect(plan, selections, SelectValue::kTimestamp),
                       OnSameLabels::kMerge);
    case PlanKind::kStarts:
      return DropNames(MakeSelect(plan, selections, SelectValue::kStart), OnSameLabels::kMerge);
    case PlanKind::kWindow: return BuildWindow(plan, selections);
    case PlanKind::kCells: return BuildCells(plan, selections);
    case PlanKind::kInfo: {
      ASSIGN_OR_RETURN(OperatorPtr input, BuildInput(plan, 0, selections));
      return MergeSame(MakeInfo(plan, std::move(input)), /*at_once=*/true);
    }
    case PlanKind::kCall: return BuildCall(plan, selections);
    case PlanKind::kNegate: return BuildNegate(plan, selections);
    case PlanKind::kBinary: return BuildBinary(plan, selections);
    case PlanKind::kAggregate: return BuildAggregate(plan, selections);
    case PlanKind::kStepInvariant: {
      ASSIGN_OR_RETURN(OperatorPtr input, BuildInput(plan, 0, selections));
      return MakeStepInvariant(std::move(input));
    }
    case PlanKind::kString:
    case PlanKind::kMatrix:
    case PlanKind::kSubquery:
      break;
  }
  return base::Internal("a part of the query that gives no rows");
}

absl::StatusOr<OperatorPtr> BuildMeasured(const PlanNode& plan, Selections* selections) {
  ASSIGN_OR_RETURN(OperatorPtr made, BuildNode(plan, selections));
  if (selections->analysis() == nullptr) return made;
  return selections->analysis()->Measure(plan, std::move(made));
}

// Of a node that has equals.
absl::StatusOr<OperatorPtr> BuildReader(const PlanNode& plan, Selections* selections) {
  const PlanNode& evaluated = *selections->plan().equal_parts[plan.equal_part];
  std::shared_ptr<SharedPart>& part = *selections->part(plan.equal_part);
  if (part == nullptr) {
    ASSIGN_OR_RETURN(OperatorPtr input, BuildMeasured(evaluated, selections));
    part = MakeSharedPart(std::move(input));
  }
  Analysis* const analysis = selections->analysis();
  const auto make_own = [&plan, selections] { return BuildMeasured(plan, selections); };
  if (&plan == &evaluated) {
    OperatorPtr reader = MakeReader(part, make_own, nullptr);
    return analysis == nullptr ? std::move(reader) : analysis->Pass(std::move(reader));
  }
  if (analysis == nullptr) return MakeReader(part, make_own, nullptr);
  const auto share = [analysis, &plan, &evaluated] { analysis->Share(plan, evaluated); };
  OperatorPtr reader = MakeReader(part, make_own, share);
  return analysis->Measure(plan, std::move(reader));
}

}  // namespace

absl::StatusOr<OperatorPtr> Build(const PlanNode& plan, Selections* selections) {
  return plan.equal_part < 0 ? BuildMeasured(plan, selections) : BuildReader(plan, selections);
}

absl::StatusOr<std::unique_ptr<SampleSource>> BuildMatrix(const PlanNode& plan,
                                                          Selections* selections) {
  if (plan.kind == PlanKind::kMatrix) return MakeSelectorSource(plan, chunk::Want::kAll, selections);
  OperatorPtr input;
  if (!plan.input.empty()) {
    ASSIGN_OR_RETURN(input, BuildInput(plan, 0, selections));
  }
  return MakeSubquerySource(plan, std::move(input));
}

}  // namespace promql
