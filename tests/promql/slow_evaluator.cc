#include "tests/promql/slow_evaluator.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "promql/signatures.h"
#include "storage/base/status.h"
#include "tests/promql/slow_labels.h"
#include "tests/promql/slow_over_time.h"

namespace promql {
namespace {

const Expr& Bare(const Expr& expr) {
  return expr.kind == ExprKind::kParen ? Bare(*expr.lhs) : expr;
}

// All samples of a series that are no stale markers, in the order of time.
std::vector<SlowSample> AllSamples(const promql_test::MemoryQueryable::OneSeries& mixed,
                                   bool with_markers) {
  std::vector<SlowSample> all;
  for (size_t i = 0; i < mixed.floats.size(); ++i) {
    if (!with_markers && model::IsStaleNan(mixed.floats.values[i])) continue;
    all.push_back({mixed.floats.times[i], mixed.floats.values[i], nullptr});
  }
  for (size_t i = 0; i < mixed.histograms.size(); ++i) {
    if (!with_markers && model::IsStale(mixed.histograms.values[i])) continue;
    all.push_back(
        {mixed.histograms.times[i], 0, Shared(FromModel(mixed.histograms.values[i]))});
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.t < b.t; });
  for (SlowSample& s : all) {
    if (mixed.starts.contains(s.t)) s.start = mixed.starts.at(s.t);
  }
  return all;
}

bool Matches(const Expr& selector, const model::Labels& labels) {
  return std::all_of(selector.matchers.begin(), selector.matchers.end(),
                     [&](const model::Matcher& m) { return m.Matches(labels.Get(m.name())); });
}

}  // namespace

SlowEvaluator::Element SlowEvaluator::Nameless(Element e) const {
  if (delayed_names_) {
    e.dropped = true;
  } else {
    e.labels = promql::Nameless(e.labels);
  }
  return e;
}

absl::Status SlowEvaluator::SettleNames(const Expr& expr, Elements* elements) const {
  if (!delayed_names_ || grid_.size() == 1) return absl::OkStatus();
  const auto [found, is_new] = settled_->try_emplace({&expr, grid_.start});
  if (is_new) {
    Dropped settled;
    for (int i = 0; i < grid_.size(); ++i) {
      ASSIGN_OR_RETURN(const Elements here, Unsettled(expr, grid_.at(i)));
      for (const Element& e : here) {
        const auto [at, first] = settled.emplace(e.labels.bytes(), e.dropped);
        // Of an aggregation the last step counts.
        if (!first && expr.kind == ExprKind::kAggregate) at->second = e.dropped;
      }
    }
    (*settled_)[{&expr, grid_.start}] = std::move(settled);
  }
  const Dropped& settled = settled_->at({&expr, grid_.start});
  for (Element& e : *elements) {
    const auto at = settled.find(std::string(e.labels.bytes()));
    if (at == settled.end()) return base::Internal("a step off the grid");
    e.dropped = at->second;
  }
  return absl::OkStatus();
}

absl::Status SlowEvaluator::CheckDistinct(const Elements& elements) {
  std::set<std::string> seen;
  for (const Element& e : elements) {
    if (!seen.insert(e.labels.bytes()).second) {
      return base::Aborted("vector cannot contain metrics with the same labelset");
    }
  }
  return absl::OkStatus();
}

model::TimeMs SlowEvaluator::Shift(const TimeShift& shift, model::TimeMs t) const {
  switch (shift.at) {
    case AtKind::kTime: t = shift.at_ms; break;
    case AtKind::kStart: t = query_.start; break;
    case AtKind::kEnd: t = query_.end; break;
    case AtKind::kNone: break;
  }
  return t - shift.offset_ms;
}

absl::StatusOr<std::vector<Series>> SlowEvaluator::Evaluate(const Expr& expr) const {
  std::map<model::Labels, Series> all;
  for (int i = 0; i < query_.size(); ++i) {
    const model::TimeMs t = query_.at(i);
    if (expr.type == ValueType::kScalar) {
      ASSIGN_OR_RETURN(const double v, Scalar(expr, t));
      all[model::Labels()].points.push_back({t, v});
      continue;
    }
    ASSIGN_OR_RETURN(Elements elements, Vector(expr, t));
    for (Element& e : elements) {
      if (e.dropped) e.labels = promql::Nameless(e.labels);
    }
    RETURN_IF_ERROR(CheckDistinct(elements));
    for (const Element& e : elements) {
      Series& series = all[e.labels];
      if (e.histogram == nullptr) {
        series.points.push_back({t, e.value});
      } else {
        series.histograms.push_back({t, Share(ToModel(*e.histogram))});
      }
    }
  }
  std::vector<Series> out;
  for (auto& [labels, series] : all) {
    out.push_back(std::move(series));
    out.back().labels = labels;
  }
  return out;
}

absl::StatusOr<double> SlowEvaluator::Scalar(const Expr& with_parens, model::TimeMs t) const {
  const Expr& expr = Bare(with_parens);
  switch (expr.kind) {
    case ExprKind::kNumber: return expr.number;
    case ExprKind::kUnary: {
      ASSIGN_OR_RETURN(const double v, Scalar(*expr.lhs, t));
      return expr.negate ? -v : v;
    }
    case ExprKind::kBinary: {
      ASSIGN_OR_RETURN(const double l, Scalar(*expr.lhs, t));
      ASSIGN_OR_RETURN(const double r, Scalar(*expr.rhs, t));
      return OfNumbers(expr.op, l, r);
    }
    default: break;
  }
  if (expr.function->name == "time") return static_cast<double>(t) / 1000;
  if (expr.function->name == "pi") return M_PI;
  if (expr.function->name == "scalar") {
    ASSIGN_OR_RETURN(Elements v, Vector(*expr.args[0], t));
    std::erase_if(v, [](const Element& e) { return e.histogram != nullptr; });
    return v.size() == 1 ? v[0].value : NAN;
  }
  return base::Unimplemented("slow evaluator: {}", expr.function->name);
}

absl::StatusOr<SlowEvaluator::Elements> SlowEvaluator::Select(const Expr& expr, model::TimeMs t,
                                                              Of of) const {
  Elements out;
  const model::TimeMs at = Shift(expr.shift, t);
  for (const auto& [labels, mixed] : data_->series()) {
    if (!Matches(expr, labels)) continue;
    if (expr.smoothing == Smoothing::kSmoothed && of == Of::kSample) {
      std::vector<SlowSample> around = AllSamples(mixed, /*with_markers=*/false);
      std::erase_if(around, [&](const SlowSample& s) {
        return s.t <= at - lookback_ms_ || s.t > at + lookback_ms_;
      });
      size_t before = 0, histograms = 0;
      for (const SlowSample& s : around) before += s.t <= at, histograms += s.h != nullptr;
      if (before == 0 || (histograms > 0 && histograms < around.size())) continue;
      SlowSample last = around[before - 1];
      if (last.t == at) {
        out.push_back({labels, last.v, last.h});
      } else if (before == around.size()) {
        if (last.h != nullptr) {
          SlowHistogram unknown = *last.h;
          unknown.hint = model::ResetHint::kUnknown;
          last.h = Shared(std::move(unknown));
        }
        out.push_back({labels, last.v, last.h});
      } else if (histograms == 0) {
        const SlowSample& next = around[before];
        out.push_back({labels, Between({last.t, last.v}, {next.t, next.v}, at, false), nullptr});
      } else {
        const SlowSample& next = around[before];
        const bool gauges = last.h->hint == model::ResetHint::kGauge &&
                            next.h->hint == model::ResetHint::kGauge;
        const auto h = BetweenHistograms(last, next, at, !gauges);
        if (h) out.push_back({labels, 0, Shared(*h)});
      }
      continue;
    }
    std::optional<SlowSample> newest;
    for (const SlowSample& s : AllSamples(mixed, /*with_markers=*/true)) {
      if (s.t <= at && s.t > at - lookback_ms_) newest = s;
    }
    if (!newest) continue;
    if (newest->h != nullptr ? model::IsStaleNan(newest->h->sum) : model::IsStaleNan(newest->v)) {
      continue;
    }
    if (of == Of::kStart) {
      if (starts_) out.push_back({labels, static_cast<double>(newest->start) / 1000, nullptr});
    } else if (of == Of::kTime) {
      out.push_back({labels, static_cast<double>(newest->t) / 1000, nullptr});
    } else {
      out.push_back({labels, newest->v, newest->h});
    }
  }
  return out;
}

absl::StatusOr<std::vector<SlowEvaluator::Window>> SlowEvaluator::Matrix(const Expr& with_parens,
                                                                         model::TimeMs t) const {
  const Expr& expr = Bare(with_parens);
  std::vector<Window> out;
  if (expr.kind == ExprKind::kMatrixSelector) {
    const Expr& selector = *expr.lhs;
    const model::TimeMs end = Shift(selector.shift, t);
    for (const auto& [labels, mixed] : data_->series()) {
      if (!Matches(selector, labels)) continue;
      Window window{labels, AllSamples(mixed, /*with_markers=*/false), end};
      for (SlowSample& s : window.samples) s.start = starts_ ? s.start : 0;
      const int64_t before = selector.smoothing == Smoothing::kNone ? 0 : lookback_ms_;
      const int64_t after = selector.smoothing == Smoothing::kSmoothed ? lookback_ms_ : 0;
      std::erase_if(window.samples, [&](const SlowSample& s) {
        return s.t <= end - expr.range_ms - before || s.t > end + after;
      });
      out.push_back(window);
    }
    return out;
  }
  const model::TimeMs end = Shift(expr.shift, t);
  const int64_t step = expr.step_ms != 0 ? expr.step_ms : subquery_step_ms_;
  SlowEvaluator inside = *this;
  inside.grid_.step_ms = step;
  const model::TimeMs first = Shift(expr.shift, grid_.start) - expr.range_ms + 1;
  inside.grid_.start = first + (step - first % step) % step;
  inside.grid_.end = Shift(expr.shift, grid_.end) / step * step;
  std::map<model::Labels, Window> all;
  for (model::TimeMs at = end - expr.range_ms + 1; at <= end; ++at) {
    if (at % step != 0) continue;
    ASSIGN_OR_RETURN(const Elements elements, inside.Vector(*expr.lhs, at));
    RETURN_IF_ERROR(CheckDistinct(elements));
    for (const Element& e : elements) {
      SlowHistogramPtr h = e.histogram;
      if (h != nullptr && h->hint != model::ResetHint::kGauge) {  // What it tells of is not here.
        SlowHistogram unknown = *h;
        unknown.hint = model::ResetHint::kUnknown;
        h = Shared(std::move(unknown));
      }
      Window& window = all[e.labels];
      window.samples.push_back({at, e.value, h});
      window.dropped = e.dropped;
    }
    at += step - 1;
  }
  for (auto& [labels, window] : all) {
    window.labels = labels;
    window.end = end;
    out.push_back(std::move(window));
  }
  return out;
}

absl::StatusOr<SlowEvaluator::Elements> SlowEvaluator::Vector(const Expr& with_parens,
                                                              model::TimeMs t) const {
  const Expr& expr = Bare(with_parens);
  ASSIGN_OR_RETURN(Elements out, Unsettled(expr, t));
  // Elsewhere a series comes out of one that came in, and keeps what is known of it.
  const bool merges =
      (expr.kind == ExprKind::kBinary && expr.op == BinaryOp::kOr) ||
      (expr.kind == ExprKind::kAggregate && expr.aggregate != AggregateOp::kTopk &&
       expr.aggregate != AggregateOp::kBottomk) ||
      (expr.kind == ExprKind::kCall && expr.function->name == "info");
  if (merges) RETURN_IF_ERROR(SettleNames(expr, &out));
  return out;
}

absl::StatusOr<SlowEvaluator::Elements> SlowEvaluator::Unsettled(const Expr& expr,
                                                                 model::TimeMs t) const {
  switch (expr.kind) {
    case ExprKind::kVectorSelector: return Select(expr, t, Of::kSample);
    case ExprKind::kAggregate: return Aggregate(expr, t);
    case ExprKind::kBinary: return Binary(expr, t);
    case ExprKind::kCall: return Call(expr, t);
    case ExprKind::kUnary: {
      ASSIGN_OR_RETURN(Elements v, Vector(*expr.lhs, t));
      if (!expr.negate) return v;
      for (Element& e : v) {
        e = Nameless(std::move(e));
        e.value = -e.value;
        if (e.histogram != nullptr) e.histogram = Shared(Scaled(*e.histogram, -1));
      }
      RETURN_IF_ERROR(CheckDistinct(v));
      return v;
    }
    default: return base::Unimplemented("slow evaluator: kind {}", static_cast<int>(expr.kind));
  }
}

absl::StatusOr<SlowEvaluator::Elements> SlowEvaluator::Call(const Expr& expr,
                                                            model::TimeMs t) const {
  const std::string_view f = expr.function->name;
  Elements out;
  if (f == "vector") {
    ASSIGN_OR_RETURN(const double v, Scalar(*expr.args[0], t));
    out.push_back({{}, v});
    return out;
  }
  if ((f == "timestamp" || f == "start_timestamp") &&
      Bare(*expr.args[0]).kind == ExprKind::kVectorSelector) {
    ASSIGN_OR_RETURN(out, Select(Bare(*expr.args[0]), t,
                                 f == "timestamp" ? Of::kTime : Of::kStart));
    for (Element& e : out) e = Nameless(std::move(e));
    RETURN_IF_ERROR(CheckDistinct(out));
    return out;
  }
  if (f == "info") return Info(expr, t);
  const Expr& last = Bare(*expr.args.back());
  if (last.type == ValueType::kMatrix) {
    double param = 0;
    if (expr.args.size() == 2) {
      ASSIGN_OR_RETURN(param, Scalar(*expr.args[0], t));
    }
    int64_t range = last.range_ms;
    ASSIGN_OR_RETURN(const std::vector<Window> windows, Matrix(last, t));
    for (const Window& w : windows) {
      const Smoothing smoothing =
          last.kind == ExprKind::kMatrixSelector ? last.lhs->smoothing : Smoothing::kNone;
      if (w.samples.empty()) continue;
      const auto cell = OverMixed(f, w.samples, w.end - range, w.end, param, smoothing);
      if (!cell) continue;
      const bool keeps = f == "last_over_time" || f == "first_over_time";
      const Element got{w.labels, cell->v, cell->h, w.dropped};
      out.push_back(keeps ? got : Nameless(got));
    }
    RETURN_IF_ERROR(CheckDistinct(out));
    return out;
  }
  if (f.starts_with("histogram_")) return OfHistograms(expr, t);
  ASSIGN_OR_RETURN(const Elements in, Vector(*expr.args[0], t));
  double a = 0, b = 0;
  if (expr.args.size() > 1) {
    ASSIGN_OR_RETURN(a, Scalar(*expr.args[1], t));
  }
  if (expr.args.size() > 2) {
    ASSIGN_OR_RETURN(b, Scalar(*expr.args[2], t));
  }
  for (const Element& e : in) {
    double v = e.value;
    if (f == "start_timestamp") continue;  // Of nothing that was calculated.
    if (e.histogram != nullptr && f != "timestamp") continue;
    if (f == "abs") {
      v = std::fabs(v);
    } else if (f == "ceil") {
      v = std::ceil(v);
    } else if (f == "floor") {
      v = std::floor(v);
    } else if (f == "sqrt") {
      v = std::sqrt(v);
    } else if (f == "timestamp") {
      v = static_cast<double>(t) / 1000;
    } else if (f == "clamp") {
      if (b < a) continue;
      v = std::isnan(v) || std::isnan(a) || std::isnan(b) ? NAN : std::max(a, std::min(b, v));
    } else if (f == "clamp_max") {
      v = std::isnan(v) || std::isnan(a) ? NAN : std::min(a, v);
    } else {
      return base::Unimplemented("slow evaluator: {}", f);
    }
    out.push_back(Nameless({e.labels, v}));
  }
  RETURN_IF_ERROR(CheckDistinct(out));
  return out;
}

// Of native histograms: the fuzz test has no classic ones.
absl::StatusOr<SlowEvaluator::Elements> SlowEvaluator::OfHistograms(const Expr& expr,
                                                                    model::TimeMs t) const {
  const std::string_view f = expr.function->name;
  ASSIGN_OR_RETURN(const Elements in, Vector(*expr.args.back(), t));
  double a = 0, b = 0;
  if (expr.args.size() > 1) {
    ASSIGN_OR_RETURN(a, Scalar(*expr.args[0], t));
  }
  if (expr.args.size() > 2) {
    ASSIGN_OR_RETURN(b, Scalar(*expr.args[1], t));
  }
  Elements out;
  for (const Element& e : in) {
    if (e.histogram == nullptr) continue;
    const double v = f == "histogram_quantile"   ? SlowQuantile(a, *e.histogram)
                     : f == "histogram_fraction" ? SlowFraction(a, b, *e.histogram)
                                                 : Figure(f, *e.histogram);
    out.push_back(Nameless({e.labels, v, nullptr}));
  }
  RETURN_IF_ERROR(CheckDistinct(out));
  return out;
}

}  // namespace promql
