// What is computed of a histogram at one step, classic or native: one figure or several.
#pragma once

#include <memory>
#include <vector>

#include "promql/histogram/statistics.h"
#include "promql/operator.h"
#include "promql/quantile.h"

namespace promql {

class Figures {
 public:
  virtual ~Figures() = default;
  // Reads the parameters and warns of them. To be called before anything else.
  virtual absl::Status Prepare(Context& context) = 0;
  virtual int count() const { return 1; }
  // Whether the k-th figure is wanted at a step.
  virtual bool Wants(int, int) const { return true; }
  // Whether series get labels for their figures, and the labels of the k-th one's.
  virtual bool has_labels() const { return false; }
  virtual model::Labels LabelsOf(const model::Labels& series, int) const { return series; }
  // To be called when there is anything to compute: an error if two figures are one series.
  virtual absl::Status Check() const { return absl::OkStatus(); }
  // May reorder and repair *buckets.
  virtual double Compute(int k, int step, std::vector<Bucket>* buckets, MonotonicFix* fix) = 0;
  virtual double Compute(int k, int step, const model::FloatHistogram& h,
                         histogram::NanEffect* effect) = 0;
};

// `call` outlives them. The arguments are those of the functions (histogram.h).
std::unique_ptr<Figures> MakeQuantileFigure(const Expr& call, OperatorPtr q);
std::unique_ptr<Figures> MakeQuantileFigures(const Expr& call, std::vector<OperatorPtr> qs);
std::unique_ptr<Figures> MakeFractionFigure(OperatorPtr lower, OperatorPtr upper);

}  // namespace promql
