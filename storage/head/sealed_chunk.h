// A run of samples that is complete.
#pragma once

#include <memory>
#include <string>

#include "storage/chunk/chunk.h"

namespace storage {

struct SealedChunk {  // Immutable, shared with readers.
  std::string bytes;
  model::TimeRange range;
  double last_v = 0;
  int num_samples = 0;
  chunk::Encoding encoding = chunk::Encoding::kXor;

  chunk::ChunkView view() const { return {encoding, range, num_samples, bytes}; }
  size_t memory_bytes() const { return sizeof(SealedChunk) + 32 + bytes.capacity(); }
};
using ChunkPtr = std::shared_ptr<const SealedChunk>;

}  // namespace storage
