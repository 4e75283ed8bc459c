// Any bytes decode to at most the samples announced; what decodes in full re-encodes and decodes to
// the same. The first byte is the sample count announced.
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "storage/chunk/xor_chunk.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  chunk::ChunkView view;
  view.num_samples = data[0];
  view.bytes = {reinterpret_cast<const char*>(data) + 1, size - 1};
  chunk::SampleColumns columns;
  const bool whole = chunk::Decode(view, {}, &columns).ok();
  if (columns.times.size() != columns.values.size()) std::abort();
  if (columns.size() > size_t(view.num_samples)) std::abort();
  if (!whole) return 0;
  chunk::XorEncoder encoder;
  size_t n = 0;
  for (; n < columns.size(); ++n) {
    if (n > 0 && columns.times[n] <= columns.times[n - 1]) break;
    if (!encoder.Append({columns.times[n], columns.values[n]})) break;
  }
  chunk::SampleColumns again;
  if (!chunk::Decode(encoder.view(), {}, &again).ok() || again.size() != n) std::abort();
  for (size_t i = 0; i < n; ++i) {
    if (again.times[i] != columns.times[i]) std::abort();
    if (std::bit_cast<uint64_t>(again.values[i]) != std::bit_cast<uint64_t>(columns.values[i])) {
      std::abort();
    }
  }
  return 0;
}
