// PromQL the slow and obvious way: every step by itself, every vector a list of labels
// and values, every window a loop over all samples. Written from the language's description and not
// from the engine, to compare the two.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include "promql/ast.h"
#include "promql/engine.h"
#include "promql/value.h"
#include "promql/testing/memory_queryable.h"
#include "tests/promql/slow_mixed.h"

namespace promql {

class SlowEvaluator {
 public:
  SlowEvaluator(const promql_test::MemoryQueryable* data, Grid query, int64_t lookback_ms,
                int64_t subquery_step_ms, bool starts = false, bool delayed_names = false)
      : data_(data),
        query_(query),
        grid_(query),
        lookback_ms_(lookback_ms),
        subquery_step_ms_(subquery_step_ms),
        starts_(starts),
        delayed_names_(delayed_names) {}

  // All steps of the query; series by labels, in label order. Knows scalars and instant vectors.
  absl::StatusOr<std::vector<Series>> Evaluate(const Expr& expr) const;

 private:
  struct Element {
    model::Labels labels;
    double value = 0;
    SlowHistogramPtr histogram;  // Instead of the value, or null.
    bool dropped = false;        // With delayed name removal: loses its name when the query ends.
  };
  using Elements = std::vector<Element>;
  struct Window {
    model::Labels labels;
    std::vector<SlowSample> samples;
    model::TimeMs end = 0;
    bool dropped = false;
  };

  // Without its name: now, or when the query ends.
  Element Nameless(Element e) const;
  // Of elements at single steps, what holds for all steps of the grid: whether a series loses its
  // name is said by the first step it has, or the last.
  absl::Status SettleNames(const Expr& expr, Elements* elements) const;
  absl::StatusOr<Elements> Unsettled(const Expr& expr, model::TimeMs t) const;
  static absl::Status CheckDistinct(const Elements& elements);
  absl::StatusOr<Elements> Vector(const Expr& expr, model::TimeMs t) const;
  absl::StatusOr<double> Scalar(const Expr& expr, model::TimeMs t) const;
  absl::StatusOr<std::vector<Window>> Matrix(const Expr& expr, model::TimeMs t) const;
  enum class Of { kSample, kTime, kStart };
  absl::StatusOr<Elements> Select(const Expr& expr, model::TimeMs t, Of of) const;
  absl::StatusOr<Elements> Call(const Expr& expr, model::TimeMs t) const;
  absl::StatusOr<Elements> OfHistograms(const Expr& expr, model::TimeMs t) const;
  absl::StatusOr<Elements> Info(const Expr& expr, model::TimeMs t) const;
  bool InfoTime(const Expr& expr, model::TimeMs* t, bool* pinned) const;
  absl::StatusOr<Elements> Aggregate(const Expr& expr, model::TimeMs t) const;
  static Elements Best(Elements members, double k, bool top);
  absl::StatusOr<Elements> Binary(const Expr& expr, model::TimeMs t) const;
  absl::StatusOr<Elements> Join(const Expr& expr, const Elements& lhs, const Elements& rhs) const;
  Element Operate(const Expr& expr, Element l, Element r, bool* keep) const;
  static double OfNumbers(BinaryOp op, double l, double r);
  model::TimeMs Shift(const TimeShift& shift, model::TimeMs t) const;

  const promql_test::MemoryQueryable* data_;
  const Grid query_;
  Grid grid_;  // Of what is evaluated: the query's, or a subquery's.
  const int64_t lookback_ms_, subquery_step_ms_;
  const bool starts_;  // Whether start times are looked at.
  const bool delayed_names_;
  using Dropped = std::map<std::string, bool>;  // By labels.
  // By expression and the start of its grid; shared with what evaluates subqueries.
  using Settled = std::map<std::pair<const Expr*, model::TimeMs>, Dropped>;
  std::shared_ptr<Settled> settled_ = std::make_shared<Settled>();
};

}  // namespace promql
