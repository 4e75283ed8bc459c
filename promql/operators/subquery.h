// Series as a window function sees them: samples by time, out of storage or out of a subquery.
#pragma once

#include <memory>

#include "promql/operator.h"
#include "promql/operators/selections.h"
#include "promql/samples.h"

namespace promql {

class SampleSource {  // Not thread-safe but where it says so.
 public:
  virtual ~SampleSource() = default;
  virtual absl::StatusOr<BorrowedSeries> Borrow(Context& context) = 0;
  virtual const std::vector<char>& drop_name() const = 0;
  // Whether series may be read by Read, in any order and from several threads, instead of by Next.
  virtual bool random_access() const { return false; }
  // Replaces *out with the samples of `series`, stale markers removed.
  virtual absl::Status Read(int series, Samples* out) const;
  // Told without reading them, and so at times no where it could be yes. Like Read.
  virtual absl::StatusOr<bool> HoldsFloatsOnly(int /*series*/) const { return false; }
  // Replaces *out with the samples of the next series, stale markers removed, and *series with its
  // index; false at the end. Ascends; series without samples may be left out.
  virtual absl::StatusOr<bool> Next(Context& context, Samples* out, int* series) = 0;
};

// `plan` is a kWindow or kMatrix over a selector. What is not wanted may be left out.
std::unique_ptr<SampleSource> MakeSelectorSource(const PlanNode& plan, chunk::Want want,
                                                 Selections* selections);
// `plan` is the kSubquery; `input` its operator, null when its grid holds no point.
std::unique_ptr<SampleSource> MakeSubquerySource(const PlanNode& plan, OperatorPtr input);

}  // namespace promql
