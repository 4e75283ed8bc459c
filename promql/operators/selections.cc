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
    auto selected = context.querier->Select(
        {wanted.matchers, wanted.range, wanted.starts, wanted.newest, wanted.few_labels,
         wanted.any_order});
    if (!selected.ok()) return base::Annotate(selected.status(), "expanding series");
    selection = *std::move(selected);
  }
  return selection.get();
}

absl::Status Selections::Read(const storage::Selection& selection, int i, const PlanNode& plan,
                              chunk::Want want, Samples* out) {
  const WindowGrid& windows = plan.windows;
  const model::TimeRange range = windows.reach();
  out->clear();
  absl::Status status;
  if (plan.starts) status = selection.ReadStarts(i, range, &out->starts);
  if (!status.ok()) return base::Annotate(status, "expanding series");
  if (!out->starts.empty() && want != chunk::Want::kLast) want = chunk::Want::kAll;
  // Windows that follow each other closely have all samples between them.
  const bool all = want == chunk::Want::kAll &&
                   (windows.steps == 1 || windows.step_ms <= windows.range_ms ||
                    windows.before_ms + windows.after_ms > 0);
  status =
      all ? selection.Read(i, range, &out->floats)
          : selection.ReadThin(i, range,
                               {windows.first_end, windows.step_ms, windows.steps,
                                windows.range_ms, want},
                               &out->floats);
  if (status.ok() && out->floats.histograms) {
    chunk::MixedColumns mixed;
    status = selection.ReadMixed(i, range, &mixed);
    out->floats = std::move(mixed.floats);
    TakeHistograms(plan.buckets, &mixed.histograms, &out->histograms);
  }
  return status.ok() ? status : base::Annotate(status, "expanding series");
}

absl::StatusOr<bool> Selections::HoldsFloatsOnly(const storage::Selection& selection, int i,
                                                 const WindowGrid& windows) {
  chunk::SampleColumns counts;
  const absl::Status status =
      selection.ReadThin(i, windows.reach(),
                         {windows.first_end, windows.step_ms, windows.steps, windows.range_ms,
                          chunk::Want::kCount},
                         &counts);
  if (!status.ok()) return base::Annotate(status, "expanding series");
  return !counts.histograms;
}

void RemoveStaleMarkers(Samples* samples) {
  // Those among the rest after some were left out stand for themselves alone.
  chunk::SampleColumns& floats = samples->floats;
  for (size_t i = 0, kept = 0, markers = 0; i < floats.through.size(); ++i) {
    const bool marker = model::IsStaleNan(floats.values[i]);
    markers += marker;
    if (!marker) floats.through[kept++] = floats.through[i] - static_cast<uint32_t>(markers);
  }
  Remove(&floats, [](double v) { return model::IsStaleNan(v); });
  if (!floats.through.empty()) floats.through.resize(floats.size());
  Remove(&samples->histograms, [](const HistogramPtr& h) { return h->stale(); });
}

BorrowedSeries BorrowLabels(const storage::Selection& selection) {
  return {.labels = LabelsList(&selection)};
}

}  // namespace promql
