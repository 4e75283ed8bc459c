// What the operators of one query share. The Selections: each distinct selector is selected once and
// read by all who use it. Likewise parts that are equal. And the Analysis, if there is to be one.
#pragma once

#include <memory>
#include <vector>

#include <absl/status/statusor.h>

#include "promql/context.h"
#include "promql/plan.h"
#include "promql/samples.h"
#include "storage/querier.h"

namespace promql {

class Selections {  // Not thread-safe but for Read; the Selections in it are.
 public:
  // `analysis` may be null.
  explicit Selections(const Plan* plan, class Analysis* analysis = nullptr)
      : plan_(plan),
        analysis_(analysis),
        selections_(plan->selectors.size()),
        parts_(plan->equal_parts.size()) {}

  // Selects on first use. Storage's errors come as "expanding series: ...".
  absl::StatusOr<const storage::Selection*> Get(Context& context, int selector);
  // Reads series `i`, or what is wanted of it, with storage's errors as "expanding series: ...".
  // Replaces *out. `plan` is of that selector: its windows, buckets and starts. Where windows look
  // past their edges, `want` must be kAll. Histograms are all there; and of a series with starts,
  // which window functions compare with the sample before, floats are, too.
  static absl::Status Read(const storage::Selection& selection, int i, const PlanNode& plan,
                           chunk::Want want, Samples* out);
  // Whether series `i` certainly holds no histogram in `windows`, which do not look past their edges.
  static absl::StatusOr<bool> HoldsFloatsOnly(const storage::Selection& selection, int i,
                                              const WindowGrid& windows);
  Analysis* analysis() const { return analysis_; }
  const Plan& plan() const { return *plan_; }
  // Of Plan::equal_parts, to be set by whoever builds the first of the nodes.
  std::shared_ptr<class SharedPart>* part(int equal_part) { return &parts_[equal_part]; }

 private:
  const Plan* plan_;
  class Analysis* const analysis_;
  std::vector<std::unique_ptr<storage::Selection>> selections_;
  std::vector<std::shared_ptr<class SharedPart>> parts_;
};

void RemoveStaleMarkers(Samples* samples);

// The labels of all its series.
BorrowedSeries BorrowLabels(const storage::Selection& selection);

}  // namespace promql
