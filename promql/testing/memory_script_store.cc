#include "promql/testing/memory_script_store.h"

#include <utility>

#include "storage/base/status.h"

namespace promql_test {
namespace {

// Histograms as they come out of chunks: with the hints those know. A float begins a new chunk.
absl::StatusOr<chunk::HistogramColumns> AsStored(const ScriptStore::Series& series) {
  chunk::MixedColumns out;
  chunk::HistogramColumns run;
  const auto store = [&]() -> absl::Status {
    for (const chunk::OwnedChunk& one : chunk::Encode(run)) {
      RETURN_IF_ERROR(chunk::Decode(one.view(), model::TimeRange(), &out));
    }
    run.clear();
    return absl::OkStatus();
  };
  size_t floats = 0;
  for (const promql::HistogramSample& s : series.histograms) {
    const size_t before = floats;
    while (floats < series.samples.size() && series.samples[floats].t < s.t) ++floats;
    if (floats != before) RETURN_IF_ERROR(store());
    run.Add(s.t, *s.h);
  }
  RETURN_IF_ERROR(store());
  return std::move(out.histograms);
}

}  // namespace

absl::Status MemoryScriptStore::Clear() {
  data_.Clear();
  return absl::OkStatus();
}

absl::Status MemoryScriptStore::Load(std::span<const Series> all) {
  for (const Series& series : all) {
    for (const model::Sample& s : series.samples) {
      data_.Add(series.labels, s.t, s.v);
      data_.SetStart(series.labels, s.t, model::StartAt(series.starts, s.t));
    }
    ASSIGN_OR_RETURN(chunk::HistogramColumns stored, AsStored(series));
    for (size_t i = 0; i < stored.size(); ++i) {
      data_.AddHistogram(series.labels, stored.times[i], std::move(stored.values[i]));
      data_.SetStart(series.labels, stored.times[i],
                     model::StartAt(series.starts, stored.times[i]));
    }
  }
  return absl::OkStatus();
}

}  // namespace promql_test
