// SlowEvaluator: info().
#include <map>
#include <set>

#include "storage/base/status.h"
#include "tests/promql/slow_evaluator.h"

namespace promql {

// Where the info series of a call are looked up: at the time of the first selector in it.
bool SlowEvaluator::InfoTime(const Expr& expr, model::TimeMs* t, bool* pinned) const {
  const auto shift = [&](const TimeShift& by) {
    if (*pinned) return;
    *t = Shift(by, *t);
    *pinned = by.at != AtKind::kNone;
  };
  if (expr.kind == ExprKind::kVectorSelector) {
    shift(expr.shift);
    return true;
  }
  std::vector<ExprPtr> parts = {expr.lhs, expr.rhs, expr.param};
  parts.insert(parts.end(), expr.args.begin(), expr.args.end());
  for (const ExprPtr& part : parts) {
    if (part == nullptr || !InfoTime(*part, t, pinned)) continue;
    if (expr.kind == ExprKind::kSubquery) shift(expr.shift);
    return true;
  }
  return false;
}

absl::StatusOr<SlowEvaluator::Elements> SlowEvaluator::Info(const Expr& expr,
                                                            model::TimeMs t) const {
  ASSIGN_OR_RETURN(const Elements base, Vector(*expr.args[0], t));
  Expr selector{.kind = ExprKind::kVectorSelector};
  if (expr.args.size() > 1) selector.matchers = expr.args[1]->matchers;
  std::set<std::string> wanted;
  bool any_name = false, positive_name = false, keeps = true;
  for (const model::Matcher& m : selector.matchers) {
    if (m.name() != "__name__") {
      wanted.insert(m.name());
      keeps &= m.Matches("");
      continue;
    }
    any_name = true;
    positive_name |= m.type() == model::MatchType::kEqual || m.type() == model::MatchType::kRegex;
  }
  if (!any_name) {
    selector.matchers.push_back(model::Matcher::Equal("__name__", "target_info"));
  } else if (!positive_name) {
    selector.matchers.push_back(
        *model::Matcher::Create(model::MatchType::kRegex, "__name__", ".+_info"));
  }
  model::TimeMs at = t;
  bool pinned = false;
  InfoTime(*expr.args[0], &at, &pinned);
  ASSIGN_OR_RETURN(const Elements infos, Select(selector, at, Of::kTime));

  Elements out;
  for (const Element& e : base) {
    bool is_info = true;
    for (const model::Matcher& m : selector.matchers) {
      if (m.name() == "__name__") is_info &= m.Matches(e.labels.Get("__name__"));
    }
    if (is_info) {
      out.push_back(e);
      continue;
    }
    std::map<std::string, Element> newest;  // By name.
    const bool identified = e.labels.Has("instance") || e.labels.Has("job");
    for (const Element& info : infos) {
      if (!identified || info.labels.Get("instance") != e.labels.Get("instance") ||
          info.labels.Get("job") != e.labels.Get("job")) {
        continue;
      }
      Element& best = newest[std::string(info.labels.Get("__name__"))];
      if (best.labels.empty() || best.value < info.value) best = info;
    }
    if (newest.empty() && !keeps) continue;
    std::map<std::string, std::string> added;
    for (const auto& [name, info] : newest) {
      for (const model::Label& l : info.labels) {
        const std::string label(l.name);
        if (label == "__name__" || e.labels.Has(label)) continue;
        if (!wanted.empty() && !wanted.contains(label)) continue;
        const auto [it, is_new] = added.emplace(label, l.value);
        if (!is_new && it->second != l.value) return base::Aborted("conflicting label");
      }
    }
    model::LabelsBuilder builder(e.labels);
    for (const auto& [name, value] : added) builder.Set(name, value);
    out.push_back({builder.Build(), e.value, nullptr, e.dropped});
  }
  RETURN_IF_ERROR(CheckDistinct(out));
  return out;
}

}  // namespace promql
