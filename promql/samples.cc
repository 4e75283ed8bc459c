#include "promql/samples.h"

#include <utility>
#include <variant>

#include "promql/histogram/counter_reset.h"

namespace promql {
namespace {

model::FloatHistogram AsFloats(model::AnyHistogram* h) {
  if (auto* floats = std::get_if<model::FloatHistogram>(h)) return std::move(*floats);
  return model::ToFloat(std::get<model::Histogram>(*h));
}

}  // namespace

std::vector<model::TimeMs> StartsAt(const model::StartRuns& starts,
                                    const std::vector<model::TimeMs>& times) {
  model::StartColumns columns;
  model::AppendStartsAt(starts, times, &columns);
  return std::move(columns.values);
}

void TakeHistograms(Buckets buckets, chunk::HistogramColumns* read, HistogramSamples* out) {
  out->clear();
  model::FloatHistogram before;  // The last that was no stale marker.
  bool any_before = false;
  for (size_t i = 0; i < read->size(); ++i) {
    model::FloatHistogram h = AsFloats(&read->values[i]);
    if (buckets == Buckets::kAll) {
      out->Add(read->times[i], Share(std::move(h)));
      continue;
    }
    model::FloatHistogram bare;
    bare.hint = h.hint;
    bare.schema = h.schema;
    bare.count = h.count;
    bare.sum = h.sum;
    if (!h.stale()) {
      // Without buckets nobody can tell later on.
      if (h.hint == model::ResetHint::kUnknown && any_before) {
        bare.hint = histogram::IsReset(before, h) ? model::ResetHint::kReset
                                                  : model::ResetHint::kNotReset;
      }
      before = std::move(h);
      any_before = true;
    }
    out->Add(read->times[i], Share(std::move(bare)));
  }
}

}  // namespace promql
