// Decoded samples of series that hold histograms, or some of each kind.
#pragma once

#include <string>
#include <vector>

#include <absl/status/status.h>

#include "storage/chunk/chunk.h"
#include "storage/model/histogram.h"

namespace chunk {

struct HistogramColumns {  // times ascend without repeats.
  std::vector<model::TimeMs> times;
  std::vector<model::AnyHistogram> values;
  size_t size() const { return times.size(); }
  void clear() { times.clear(), values.clear(); }
  void Add(model::TimeMs t, model::AnyHistogram h) {
    times.push_back(t), values.push_back(std::move(h));
  }
};

struct MixedColumns {  // No time is in both.
  SampleColumns floats;
  HistogramColumns histograms;
  size_t size() const { return floats.size() + histograms.size(); }
  void clear() { floats.clear(), histograms.clear(); }
};

// What the first histogram of a chunk says about a reset before it.
enum class FirstHint {
  kUnknown,    // As Prometheus: what is read next to it need not be what was written before it.
  kAsWritten,  // For writing it again: a reset that was told is told again.
};

// As Decode of floats, into the columns of the chunk's kind.
absl::Status Decode(const ChunkView& view, model::TimeRange range, MixedColumns* out,
                    FirstHint hint = FirstHint::kUnknown);

// A chunk that owns its bytes.
struct OwnedChunk {
  ChunkView without_bytes;
  std::string bytes;
  ChunkView view() const {
    ChunkView view = without_bytes;
    view.bytes = bytes;
    return view;
  }
};
// As many chunks as it takes.
std::vector<OwnedChunk> Encode(const HistogramColumns& columns);

}  // namespace chunk
