// A part of a chunk.
#pragma once

#include <vector>

#include "storage/chunk/histogram_columns.h"

namespace chunk {

// The samples of `view` inside `range`, packed anew; none when it has none there. kDataLoss as Decode.
absl::Status Cut(const ChunkView& view, model::TimeRange range, std::vector<OwnedChunk>* out);

}  // namespace chunk
