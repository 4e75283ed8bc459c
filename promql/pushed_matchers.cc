#include "promql/pushed_matchers.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "promql/plan.h"
#include "promql/signatures.h"

namespace promql {
namespace {

using Matchers = std::vector<model::Matcher>;

constexpr size_t kMostMatchers = 16;  // More are not carried on.

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

void AddNew(const Matchers& more, Matchers* to) {
  for (const model::Matcher& m : more) {
    if (to->size() < kMostMatchers && std::ranges::find(*to, m) == to->end()) to->push_back(m);
  }
}

template <class F>
Matchers Those(const Matchers& matchers, F wanted) {
  Matchers out;
  std::ranges::copy_if(matchers, std::back_inserter(out),
                       [&](const model::Matcher& m) { return wanted(m.name()); });
  return out;
}

// Of labels that both sides must agree on.
Matchers Shared(const VectorMatching& matching, const Matchers& matchers) {
  return Those(matchers, [&](const std::string& name) {
    return Contains(matching.labels, name) == matching.on;
  });
}

// Of labels that the groups of an aggregation have from their series.
Matchers Grouped(const Expr& aggregate, const Matchers& matchers) {
  return Those(matchers, [&](const std::string& name) {
    return Contains(aggregate.grouping, name) != aggregate.without;
  });
}

bool Picks(AggregateOp op) {  // Series as they are.
  return op == AggregateOp::kTopk || op == AggregateOp::kBottomk || op == AggregateOp::kLimitk ||
         op == AggregateOp::kLimitRatio;
}

bool HasFill(const VectorMatching& matching) {
  return matching.fill_lhs.has_value() || matching.fill_rhs.has_value();
}

// Whether no match group can have two series of `side` at one step, whatever the data.
bool Unambiguous(const VectorMatching& matching, const Expr& side) {
  const Expr& expr = StripParens(side);
  if (expr.kind != ExprKind::kAggregate || Picks(expr.aggregate) ||
      expr.aggregate == AggregateOp::kCountValues) {
    return false;
  }
  // Groups differ in their labels, so they must all be matched by.
  if (!expr.without) {
    return std::ranges::all_of(expr.grouping, [&](const std::string& name) {
      return name != model::kMetricName && Contains(matching.labels, name) == matching.on;
    });
  }
  return !matching.on && std::ranges::all_of(matching.labels, [&](const std::string& name) {
    return Contains(expr.grouping, name);
  });
}

// The argument whose series the call gives, with their labels but for the name; null when it gives
// others.
const Expr* Passed(const Expr& call) {
  static constexpr std::string_view kOthers[] = {
      "absent", "absent_over_time", "histogram_fraction", "histogram_quantile",
      "histogram_quantiles", "info", "label_join", "label_replace", "scalar", "vector"};
  if (std::ranges::find(kOthers, call.function->name) != std::end(kOthers)) return nullptr;
  const Expr* found = nullptr;
  for (const ExprPtr& arg : call.args) {
    if (arg->type != ValueType::kVector && arg->type != ValueType::kMatrix) continue;
    if (found != nullptr) return nullptr;
    found = arg.get();
  }
  return found;
}

class Pusher {
 public:
  explicit Pusher(PushedMatchers* pushed) : pushed_(pushed) {}

  // Pushes inside of `expr`; gives matchers that all its series satisfy.
  Matchers Walk(const Expr& with_parens) {
    const Expr& expr = StripParens(with_parens);
    switch (expr.kind) {
      case ExprKind::kVectorSelector:
        selectors_.push_back(&expr);
        return Those(expr.matchers,
                     [](std::string_view name) { return !name.starts_with("__"); });
      case ExprKind::kMatrixSelector:
      case ExprKind::kSubquery:
      case ExprKind::kUnary:
        return Walk(*expr.lhs);
      case ExprKind::kAggregate: {
        if (expr.param != nullptr) Walk(*expr.param);
        const Matchers inside = Walk(*expr.lhs);
        if (Picks(expr.aggregate)) return inside;
        if (expr.aggregate == AggregateOp::kCountValues) return {};
        return Grouped(expr, inside);
      }
      case ExprKind::kBinary:
        return WalkBinary(expr);
      case ExprKind::kCall: {
        const Expr* passed = Passed(expr);
        Matchers known;
        for (const ExprPtr& arg : expr.args) {
          Matchers of_arg = Walk(*arg);
          if (arg.get() == passed) known = std::move(of_arg);
        }
        return known;
      }
      default:
        return {};
    }
  }

  // One Select serves equal selectors: it must not become two, nor lack what one of them needs.
  void KeepShared() {
    const auto extra = [this](const Expr* selector) {
      const auto found = pushed_->find(selector);
      return found == pushed_->end() ? Matchers() : found->second;
    };
    std::vector<const Expr*> dropped;
    for (const Expr* selector : selectors_) {
      const bool same = std::ranges::all_of(selectors_, [&](const Expr* other) {
        return other->matchers != selector->matchers || extra(other) == extra(selector);
      });
      if (!same) dropped.push_back(selector);
    }
    for (const Expr* selector : dropped) pushed_->erase(selector);
  }

 private:
  Matchers WalkBinary(const Expr& expr) {
    Matchers lhs = Walk(*expr.lhs), rhs = Walk(*expr.rhs);
    if (!expr.matching.has_value()) {
      return expr.lhs->type == ValueType::kVector ? lhs : rhs;
    }
    const VectorMatching& matching = *expr.matching;
    const Matchers left = Shared(matching, lhs), right = Shared(matching, rhs);
    switch (expr.op) {
      case BinaryOp::kOr:
        return {};
      case BinaryOp::kUnless:
        Push(*expr.rhs, left);
        return lhs;
      case BinaryOp::kAnd:
        Push(*expr.rhs, left);
        Push(*expr.lhs, right);
        AddNew(right, &lhs);
        return lhs;
      default:
        break;
    }
    if (HasFill(matching)) return {};
    const bool swap = matching.card == MatchCard::kOneToMany;
    if (Unambiguous(matching, swap ? *expr.lhs : *expr.rhs)) {
      Push(*expr.rhs, left);
      Push(*expr.lhs, right);
    }
    Matchers both = left;
    AddNew(right, &both);
    return Those(both, [&](const std::string& name) { return !Contains(matching.include, name); });
  }

  void Push(const Expr& with_parens, const Matchers& matchers) {
    const Expr& expr = StripParens(with_parens);
    if (matchers.empty()) return;
    switch (expr.kind) {
      case ExprKind::kVectorSelector: {
        if (expr.smoothing != Smoothing::kNone) return;
        Matchers more = matchers;
        std::erase_if(more, [&](const model::Matcher& m) {
          return std::ranges::find(expr.matchers, m) != expr.matchers.end();
        });
        if (!more.empty()) AddNew(more, &(*pushed_)[&expr]);
        return;
      }
      case ExprKind::kMatrixSelector:
        return Push(*expr.lhs, matchers);
      case ExprKind::kAggregate:
        if (expr.aggregate == AggregateOp::kCount || expr.aggregate == AggregateOp::kGroup) {
          Push(*expr.lhs, Grouped(expr, matchers));
        }
        return;
      case ExprKind::kCall: {
        const std::string_view name = expr.function->name;
        if (name != "last_over_time" && name != "first_over_time") return;
        const Expr& range = StripParens(*expr.args[0]);
        if (range.kind == ExprKind::kMatrixSelector) Push(range, matchers);
        return;
      }
      case ExprKind::kBinary:
        if (expr.op == BinaryOp::kAnd || expr.op == BinaryOp::kUnless) Push(*expr.lhs, matchers);
        return;
      default:
        return;
    }
  }

  PushedMatchers* const pushed_;
  std::vector<const Expr*> selectors_;
};

}  // namespace

PushedMatchers FindPushedMatchers(const Expr& expr) {
  PushedMatchers pushed;
  Pusher pusher(&pushed);
  pusher.Walk(expr);
  if (!pushed.empty()) pusher.KeepShared();
  return pushed;
}

}  // namespace promql
