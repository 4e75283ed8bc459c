// Any bytes decode to at most the samples announced; what decodes in full re-encodes and decodes to
// the same. A reader of single bits sees the same samples. The first byte is the sample count
// announced.
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "storage/chunk/xor_chunk.h"
#include "tests/testing/plain_xor.h"

namespace {

void Check(bool fact) {
  if (!fact) std::abort();
}

bool Same(double a, double b) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  chunk::ChunkView view;
  view.num_samples = data[0];
  view.bytes = {reinterpret_cast<const char*>(data) + 1, size - 1};
  chunk::SampleColumns columns;
  const bool whole = chunk::Decode(view, {}, &columns).ok();
  Check(columns.times.size() == columns.values.size());
  Check(columns.size() <= size_t(view.num_samples));
  if (view.bytes.size() >= 2) {
    chunk::SampleColumns plain;
    Check(testing_support::PlainXor(view.bytes).Decode(view.num_samples, &plain) == whole);
    Check(plain.times == columns.times);
    for (size_t i = 0; i < plain.size(); ++i) Check(Same(plain.values[i], columns.values[i]));
  }
  if (!whole) return 0;
  chunk::XorEncoder encoder;
  size_t n = 0;
  for (; n < columns.size(); ++n) {
    if (n > 0 && columns.times[n] <= columns.times[n - 1]) break;
    if (!encoder.Append({columns.times[n], columns.values[n]})) break;
  }
  chunk::SampleColumns again;
  Check(chunk::Decode(encoder.view(), {}, &again).ok() && again.size() == n);
  for (size_t i = 0; i < n; ++i) {
    Check(again.times[i] == columns.times[i] && Same(again.values[i], columns.values[i]));
  }
  return 0;
}
