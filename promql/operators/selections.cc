#include "promql/operators/selections.h"

#include <utility>

#include "storage/base/status.h"
#include "storage/model/sample.h"

namespace promql {

absl::StatusOr<const storage::Selection*> Selections::Get(Context& context, int selector) {
  std::unique_ptr<storage::Selection>& selection = selections_[selector];
  if (selection == nullptr) {
    RETURN_IF_ERROR(context.Check());
    const PlanSelector& wanted = plan_->selectors[selector];
    auto selected = context.querier->Select({wanted.expr->matchers, wanted.range});
    if (!selected.ok()) return base::Annotate(selected.status(), "expanding series");
    selection = *std::move(selected);
  }
  return selection.get();
}

absl::Status Selections::Read(const storage::Selection& selection, int i, model::TimeRange range,
                              chunk::SampleColumns* out) {
  out->clear();
  absl::Status status = selection.Read(i, range, out);
  if (!status.ok()) return base::Annotate(status, "expanding series");
  if (out->histograms) met_histograms_.store(true, std::memory_order_relaxed);
  return status;
}

void RemoveStaleMarkers(chunk::SampleColumns* samples) {
  const size_t n = samples->size();
  size_t i = 0;
  while (i < n && !model::IsStaleNan(samples->values[i])) ++i;  // Most series hold none.
  size_t kept = i;
  for (; i < n; ++i) {
    if (model::IsStaleNan(samples->values[i])) continue;
    samples->times[kept] = samples->times[i];
    samples->values[kept] = samples->values[i];
    ++kept;
  }
  samples->times.resize(kept);
  samples->values.resize(kept);
}

BorrowedSeries BorrowLabels(const storage::Selection& selection) {
  BorrowedSeries series;
  series.labels.reserve(selection.size());
  for (int i = 0; i < selection.size(); ++i) series.labels.push_back(selection.labels(i));
  return series;
}

}  // namespace promql
