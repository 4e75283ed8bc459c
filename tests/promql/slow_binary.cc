// SlowEvaluator: binary operators.
#include <cmath>
#include <map>
#include <set>

#include "storage/base/status.h"
#include "tests/promql/slow_evaluator.h"
#include "tests/promql/slow_labels.h"

namespace promql {
namespace {

bool IsTrim(BinaryOp op) { return op == BinaryOp::kTrimLower || op == BinaryOp::kTrimUpper; }

// Whether the result is something else than the left side.
bool Arithmetic(BinaryOp op) { return !IsComparison(op) && !IsSetOperator(op) && !IsTrim(op); }

}  // namespace

double SlowEvaluator::OfNumbers(BinaryOp op, double l, double r) {
  switch (op) {
    case BinaryOp::kAdd: return l + r;
    case BinaryOp::kSub: return l - r;
    case BinaryOp::kMul: return l * r;
    case BinaryOp::kDiv: return l / r;
    case BinaryOp::kMod: return std::fmod(l, r);
    case BinaryOp::kPow: return std::pow(l, r);
    case BinaryOp::kAtan2: return std::atan2(l, r);
    case BinaryOp::kEq: return l == r;
    case BinaryOp::kNe: return l != r;
    case BinaryOp::kGt: return l > r;
    case BinaryOp::kLt: return l < r;
    case BinaryOp::kGe: return l >= r;
    case BinaryOp::kLe: return l <= r;
    default: return NAN;
  }
}

// The cell of a binary operator between vectors, or of a vector and a scalar. `keep`: 0 for nothing
// at all, else whether a comparison holds.
SlowEvaluator::Element SlowEvaluator::Operate(const Expr& expr, Element l, Element r,
                                              bool* keep) const {
  const BinaryOp op = expr.op;
  *keep = true;
  Element out = l;
  out.histogram = nullptr;
  if (l.histogram == nullptr && r.histogram == nullptr) {
    *keep = !IsTrim(op);
    out.value = OfNumbers(op, l.value, r.value);
    return out;
  }
  if (l.histogram != nullptr && r.histogram != nullptr) {
    if (op == BinaryOp::kEq || op == BinaryOp::kNe) {
      out.value = SameHistogram(*l.histogram, *r.histogram) == (op == BinaryOp::kEq);
      return out;
    }
    const bool add = op == BinaryOp::kAdd;
    std::optional<SlowHistogram> sum;
    const bool collide = (l.histogram->hint == model::ResetHint::kReset &&
                          r.histogram->hint == model::ResetHint::kNotReset) ||
                         (l.histogram->hint == model::ResetHint::kNotReset &&
                          r.histogram->hint == model::ResetHint::kReset);
    if ((add || op == BinaryOp::kSub) && !collide) {
      sum = Added(*l.histogram, *r.histogram, add ? 1 : -1);
    }
    *keep = sum.has_value();
    if (!sum) return out;
    if (!add) sum->hint = model::ResetHint::kGauge;
    out.histogram = Shared(Compacted(*sum));
    return out;
  }
  if (op == BinaryOp::kMul) {
    const SlowHistogram& h = *(l.histogram != nullptr ? l.histogram : r.histogram);
    out.histogram = Shared(Compacted(Scaled(h, l.histogram != nullptr ? r.value : l.value)));
  } else if (op == BinaryOp::kDiv && l.histogram != nullptr) {
    out.histogram = Shared(Compacted(Divided(*l.histogram, r.value)));
  } else if (IsTrim(op) && l.histogram != nullptr) {
    out.histogram = Shared(Trimmed(*l.histogram, r.value, op == BinaryOp::kTrimUpper));
  } else {
    *keep = false;
  }
  return out;
}

absl::StatusOr<SlowEvaluator::Elements> SlowEvaluator::Binary(const Expr& expr,
                                                              model::TimeMs t) const {
  const bool l_scalar = expr.lhs->type == ValueType::kScalar;
  const bool r_scalar = expr.rhs->type == ValueType::kScalar;
  if (!l_scalar && !r_scalar) {
    ASSIGN_OR_RETURN(const Elements l, Vector(*expr.lhs, t));
    ASSIGN_OR_RETURN(const Elements r, Vector(*expr.rhs, t));
    ASSIGN_OR_RETURN(const Elements out, Join(expr, l, r));
    RETURN_IF_ERROR(CheckDistinct(out));
    return out;
  }
  ASSIGN_OR_RETURN(const double scalar, Scalar(l_scalar ? *expr.lhs : *expr.rhs, t));
  ASSIGN_OR_RETURN(const Elements in, Vector(l_scalar ? *expr.rhs : *expr.lhs, t));
  Elements out;
  for (const Element& e : in) {
    const Element other{e.labels, scalar, nullptr};
    bool keep = false;
    const Element got = l_scalar ? Operate(expr, other, e, &keep) : Operate(expr, e, other, &keep);
    if (!keep) continue;
    if (Arithmetic(expr.op) || expr.return_bool) {
      out.push_back(Nameless({e.labels, got.value, got.histogram}));
    } else if (IsTrim(expr.op)) {
      out.push_back({e.labels, got.value, got.histogram, e.dropped});
    } else if (got.value == 1) {
      out.push_back(e);
    }
  }
  RETURN_IF_ERROR(CheckDistinct(out));
  return out;
}

absl::StatusOr<SlowEvaluator::Elements> SlowEvaluator::Join(const Expr& expr, const Elements& lhs,
                                                            const Elements& rhs) const {
  const VectorMatching& matching = *expr.matching;
  std::set<std::string> names(matching.labels.begin(), matching.labels.end());
  const auto key = [&](const Element& e) {
    if (matching.on) return Only(e.labels, names);
    std::set<std::string> dropped = names;
    dropped.insert("__name__");
    return Without(e.labels, dropped);
  };
  Elements out;
  if (IsSetOperator(expr.op)) {
    std::set<std::string> left, right;
    for (const Element& e : lhs) left.insert(key(e).bytes());
    for (const Element& e : rhs) right.insert(key(e).bytes());
    for (const Element& e : lhs) {
      const bool found = right.contains(key(e).bytes());
      if (expr.op == BinaryOp::kOr || found == (expr.op == BinaryOp::kAnd)) out.push_back(e);
    }
    if (expr.op != BinaryOp::kOr) return out;
    for (const Element& e : rhs) {
      if (!left.contains(key(e).bytes())) out.push_back(e);
    }
    return out;
  }
  const bool fills = matching.fill_lhs.has_value() || matching.fill_rhs.has_value();
  if ((lhs.empty() || rhs.empty()) && !fills) return out;
  const bool swap = matching.card == MatchCard::kOneToMany;
  const Elements& many = swap ? rhs : lhs;
  const Elements& one = swap ? lhs : rhs;
  std::map<std::string, const Element*> ones;
  for (const Element& e : one) {
    if (!ones.emplace(key(e).bytes(), &e).second) {
      return base::Aborted("found duplicate series for the match group");
    }
  }
  std::set<std::string> used, matched;
  const auto operate = [&](const Element& m, const Element& o) -> absl::Status {
    const Element &l = swap ? o : m, &r = swap ? m : o;
    bool keep = false;
    const Element got = Operate(expr, l, r, &keep);
    if (!keep) return absl::OkStatus();
    model::Labels labels = m.labels;
    const bool loses_name = expr.return_bool && !delayed_names_;
    if (Arithmetic(expr.op) || loses_name) labels = promql::Nameless(labels);
    if (matching.card == MatchCard::kOneToOne) {
      labels = matching.on ? Only(labels, names) : Without(labels, names);
    }
    model::LabelsBuilder builder(labels);
    for (const std::string& name : matching.include) builder.Set(name, o.labels.Get(name));
    labels = builder.Build();
    const std::string group = key(m).bytes();
    matched.insert(group);
    std::string id = group;
    if (matching.card != MatchCard::kOneToOne) id += "|" + labels.bytes();
    if (!used.insert(id).second) return base::Aborted("multiple matches for labels");
    if (Arithmetic(expr.op) || expr.return_bool || IsTrim(expr.op)) {
      out.push_back({labels, got.value, got.histogram, delayed_names_ && expr.return_bool});
    } else if (got.value == 1) {
      out.push_back({labels, l.value, l.histogram});
    }
    return absl::OkStatus();
  };
  for (const Element& m : many) {
    const auto found = ones.find(key(m).bytes());
    if (found != ones.end()) {
      RETURN_IF_ERROR(operate(m, *found->second));
    } else if (matching.fill_rhs.has_value()) {
      RETURN_IF_ERROR(operate(m, {key(m), *matching.fill_rhs}));
    }
  }
  for (const Element& o : one) {
    if (!matching.fill_lhs.has_value() || matched.contains(key(o).bytes())) continue;
    RETURN_IF_ERROR(operate({key(o), *matching.fill_lhs}, o));
  }
  return out;
}

}  // namespace promql
