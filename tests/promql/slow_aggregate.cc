// SlowEvaluator: aggregations.
#include <algorithm>
#include <cmath>
#include <set>

#include "storage/base/status.h"
#include "storage/model/histogram_text.h"
#include "storage/model/number_text.h"
#include "tests/promql/slow_evaluator.h"
#include "tests/promql/slow_labels.h"
#include "tests/promql/slow_over_time.h"

namespace promql {

// Which of equal values are kept is decided by the moves of a binary heap with the worst on top,
// as Go's container/heap makes them.
SlowEvaluator::Elements SlowEvaluator::Best(Elements members, double k, bool top) {
  const auto worse = [top](const Element& a, const Element& b) {
    return std::isnan(a.value) || (top ? a.value < b.value : a.value > b.value);
  };
  Elements heap;
  for (Element& e : members) {
    if (static_cast<double>(heap.size() + 1) <= k) {
      heap.push_back(std::move(e));
      for (size_t i = heap.size() - 1; i > 0 && worse(heap[i], heap[(i - 1) / 2]); i = (i - 1) / 2) {
        std::swap(heap[i], heap[(i - 1) / 2]);
      }
      continue;
    }
    if (heap.empty() || std::isnan(e.value)) continue;
    if (!std::isnan(heap[0].value) && !worse(heap[0], e)) continue;
    heap[0] = std::move(e);
    for (size_t i = 0;;) {
      size_t child = 2 * i + 1;
      if (child + 1 < heap.size() && worse(heap[child + 1], heap[child])) ++child;
      if (child >= heap.size() || !worse(heap[child], heap[i])) break;
      std::swap(heap[i], heap[child]);
      i = child;
    }
  }
  std::stable_sort(heap.begin(), heap.end(), [&](const Element& a, const Element& b) {
    return std::isnan(b.value) ? !std::isnan(a.value) : worse(b, a) && !std::isnan(a.value);
  });
  return heap;
}

absl::StatusOr<SlowEvaluator::Elements> SlowEvaluator::Aggregate(const Expr& expr,
                                                                 model::TimeMs t) const {
  const AggregateOp op = expr.aggregate;
  double param = 0;
  if (expr.param != nullptr && op != AggregateOp::kCountValues) {
    ASSIGN_OR_RETURN(param, Scalar(*expr.param, t));
  }
  ASSIGN_OR_RETURN(const Elements in, Vector(*expr.lhs, t));
  std::vector<std::pair<model::Labels, Elements>> groups;
  std::set<std::string> names(expr.grouping.begin(), expr.grouping.end());
  if (expr.without) names.insert("__name__");
  for (const Element& e : in) {
    Element member = e;
    std::set<std::string> picked = names;
    if (op == AggregateOp::kCountValues) {
      model::LabelsBuilder builder(e.labels);
      builder.Set(expr.param->text, e.histogram == nullptr
                                        ? model::FormatFloat(e.value, 'f')
                                        : model::ToString(ToModel(*e.histogram)));
      member.labels = builder.Build();
      if (!expr.without) picked.insert(expr.param->text);
    }
    const model::Labels key =
        expr.without ? Without(member.labels, picked) : Only(member.labels, picked);
    auto it = std::find_if(groups.begin(), groups.end(), [&](auto& g) { return g.first == key; });
    if (it == groups.end()) it = groups.insert(groups.end(), {key, {}});
    it->second.push_back(member);
  }
  Elements out;
  for (auto& [labels, members] : groups) {
    size_t histograms = 0;
    for (const Element& e : members) histograms += e.histogram != nullptr;
    if (histograms > 0 && (op == AggregateOp::kSum || op == AggregateOp::kAvg)) {
      SlowHistogramPtr sum = histograms == members.size() ? members[0].histogram : nullptr;
      for (size_t i = 1; i < members.size() && sum != nullptr; ++i) {
        const auto added = Added(*sum, *members[i].histogram, 1);
        sum = added ? Shared(*added) : nullptr;
      }
      if (sum == nullptr) continue;  // Of two kinds.
      const double n = op == AggregateOp::kAvg ? static_cast<double>(members.size()) : 1;
      out.push_back({labels, 0, Shared(Compacted(Divided(*sum, n)))});
      continue;
    }
    if (op != AggregateOp::kCount && op != AggregateOp::kGroup &&
        op != AggregateOp::kCountValues) {
      std::erase_if(members, [](const Element& e) { return e.histogram != nullptr; });
      if (members.empty()) continue;
    }
    std::vector<double> values;
    for (const Element& e : members) values.push_back(e.value);
    const double n = static_cast<double>(values.size());
    double v = 0;
    switch (op) {
      case AggregateOp::kSum: v = Sum(values); break;
      case AggregateOp::kAvg: v = Sum(values) / n; break;
      case AggregateOp::kCountValues:
      case AggregateOp::kCount: v = n; break;
      case AggregateOp::kGroup: v = 1; break;
      case AggregateOp::kMin:
      case AggregateOp::kMax:
        v = values[0];
        for (const double x : values) {
          if (std::isnan(v) || (op == AggregateOp::kMin ? x < v : x > v)) v = x;
        }
        break;
      case AggregateOp::kStddev:
      case AggregateOp::kStdvar: {
        // Any NaN or infinity in it makes it NaN.
        const double mean = Sum(values) / n;
        std::vector<double> squares;
        for (const double x : values) squares.push_back((x - mean) * (x - mean));
        v = Sum(squares) / n;
        if (std::isinf(mean)) v = NAN;
        if (op == AggregateOp::kStddev) v = std::sqrt(v);
        break;
      }
      case AggregateOp::kQuantile: {
        std::vector<model::Sample> samples;
        for (const double x : values) samples.push_back({0, x});
        OverTime("quantile_over_time", samples, 0, 0, param, &v);
        break;
      }
      case AggregateOp::kTopk:
      case AggregateOp::kBottomk: {
        if (std::isnan(param)) return base::Aborted("Parameter value is NaN");
        const bool top = op == AggregateOp::kTopk;
        for (Element& e : Best(std::move(members), param, top)) out.push_back(std::move(e));
        continue;
      }
      default: return base::Unimplemented("slow evaluator: {}", ToString(op));
    }
    const bool dropped =
        op != AggregateOp::kCountValues &&
        std::any_of(members.begin(), members.end(), [](const Element& e) { return e.dropped; });
    out.push_back({labels, v, nullptr, dropped});
  }
  return out;
}

}  // namespace promql
