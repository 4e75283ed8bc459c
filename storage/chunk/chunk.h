// A run of one series' samples as bytes. The same bytes sit in the head, in a RocksDB value and in
// a remote-read frame: encoded once. Bit layout of kXor: README of storage, "Chunks".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

#include "storage/model/sample.h"

namespace chunk {

// Prometheus' numbers. kSealed.. are for re-encoded blocks, later.
enum class Encoding : uint8_t { kNone = 0, kXor = 1, kHistogram = 2, kFloatHistogram = 3 };

struct ChunkView {  // Does not own; whoever handed it out says how long it lives.
  Encoding encoding = Encoding::kXor;
  model::TimeRange range;  // First and last sample time.
  int num_samples = 0;
  std::string_view bytes;
};

// Decoded columns, reused from chunk to chunk. times[i] belongs to values[i]; times ascend without
// repeats. Stale markers are kept as they are.
struct SampleColumns {
  std::vector<model::TimeMs> times;
  std::vector<double> values;
  // Only where samples were left out (thin.h), else empty: how many there were up to and with the
  // i-th, with those left out behind it.
  std::vector<uint32_t> through;
  bool histograms = false;  // Histogram chunks were met, and passed over: histogram_columns.h.
  size_t size() const { return times.size(); }
  void Resize(size_t n) {  // To the first `n`.
    times.resize(n), values.resize(n);
    if (through.size() > n) through.resize(n);
  }
  void clear() { times.clear(), values.clear(), through.clear(), histograms = false; }
  // How many samples those of indices [begin, end), of which there are some, stand for.
  size_t Count(size_t begin, size_t end) const {
    if (through.empty()) return end - begin;
    return through[end - 1] - (begin == 0 ? 0 : through[begin - 1]);
  }
};

// Appends to *out the samples of `view` inside `range`, but not more than the first
// `view.num_samples` (the open chunk of the head may hold newer ones). Bytes are never read past
// their end, whatever they hold. kDataLoss when the bytes end early; *out then holds the good part.
// Of histogram chunks it only notes that they are there.
absl::Status Decode(const ChunkView& view, model::TimeRange range, SampleColumns* out);

}  // namespace chunk
