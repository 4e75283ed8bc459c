#include "promql/operators/selections.h"

#include <utility>

#include "storage/base/status.h"
#include "storage/model/sample.h"

namespace promql {
namespace {

template <class Columns, class IsMarker>
void Remove(Columns* samples, IsMarker is_marker) {
  const size_t n = samples->size();
  size_t i = 0;
  while (i < n && !is_marker(samples->values[i])) ++i;  // Most series hold none.
  size_t kept = i;
  for (; i < n; ++i) {
    if (is_marker(samples->values[i])) continue;
    samples->times[kept] = samples->times[i];
    samples->values[kept] = std::move(samples->values[i]);
    ++kept;
  }
  samples->times.resize(kept);
  samples->values.resize(kept);
}

}  // namespace

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
                              Buckets buckets, Samples* out) {
  out->clear();
  absl::Status status = selection.Read(i, range, &out->floats);
  if (status.ok() && out->floats.histograms) {
    chunk::MixedColumns mixed;
    status = selection.ReadMixed(i, range, &mixed);
    out->floats = std::move(mixed.floats);
    TakeHistograms(buckets, &mixed.histograms, &out->histograms);
  }
  return status.ok() ? status : base::Annotate(status, "expanding series");
}

void RemoveStaleMarkers(Samples* samples) {
  Remove(&samples->floats, [](double v) { return model::IsStaleNan(v); });
  Remove(&samples->histograms, [](const HistogramPtr& h) { return h->stale(); });
}

BorrowedSeries BorrowLabels(const storage::Selection& selection) {
  BorrowedSeries series;
  series.labels.reserve(selection.size());
  for (int i = 0; i < selection.size(); ++i) series.labels.push_back(selection.labels(i));
  return series;
}

}  // namespace promql
