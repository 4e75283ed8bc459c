// Any bytes decode to at most the samples announced; what decodes in full can be written again and
// reads the same. The first byte is the sample count announced, the second the kind.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "storage/chunk/histogram_columns.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  chunk::ChunkView view;
  view.num_samples = data[0];
  view.encoding = data[1] % 2 ? chunk::Encoding::kFloatHistogram : chunk::Encoding::kHistogram;
  view.bytes = {reinterpret_cast<const char*>(data) + 2, size - 2};
  chunk::MixedColumns columns;
  const bool whole = chunk::Decode(view, {}, &columns).ok();
  const chunk::HistogramColumns& read = columns.histograms;
  if (read.times.size() != read.values.size() || columns.floats.size() > 0) std::abort();
  if (read.size() > size_t(view.num_samples)) std::abort();
  if (!whole) return 0;
  // What a commit would take.
  chunk::HistogramColumns good;
  for (size_t i = 0; i < read.size(); ++i) {
    if (good.size() > 0 && read.times[i] <= good.times.back()) continue;
    if (!model::Validate(read.values[i]).ok()) continue;
    good.Add(read.times[i], read.values[i]);
  }
  chunk::MixedColumns again;
  for (const chunk::OwnedChunk& chunk : chunk::Encode(good)) {
    if (!chunk::Decode(chunk.view(), {}, &again).ok()) std::abort();
  }
  if (again.histograms.times != good.times) std::abort();
  for (size_t i = 0; i < good.size(); ++i) {
    if (again.histograms.values[i].index() != good.values[i].index()) std::abort();
    if (model::IsStale(again.histograms.values[i]) != model::IsStale(good.values[i])) std::abort();
  }
  return 0;
}
