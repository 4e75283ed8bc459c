// The chunks of one series from several blocks as the chunks of the merged block.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/status.h>

#include "storage/chunk/chunk.h"
#include "storage/chunk/xor_chunk.h"

namespace compaction {

struct SourceChunk {
  chunk::ChunkView chunk;
  uint32_t source = 0;  // Of two samples at the same time, that of the larger source stays.
};

// Copies bytes where it can. What overlaps is decoded, merged and encoded anew; and so are short
// neighbours, which frequent flushes leave behind, up to full chunks. A short chunk beside a long
// one shares its samples with it, so that none below kShort stays between others. Not thread-safe.
class SeriesMerger {
 public:
  static constexpr int kShort = 60;

  // Replaces *merged with chunks ascending in time, not overlapping, good until the next call and
  // as long as the inputs' bytes. *chunks is sorted on the way. kDataLoss when a chunk to be
  // decoded is damaged; kUnimplemented when chunks overlap that are not floats.
  absl::Status Merge(std::vector<SourceChunk>* chunks, std::vector<chunk::ChunkView>* merged);

 private:
  absl::Status AddOverlapping(const SourceChunk* first, const SourceChunk* last);
  absl::Status AddSingle(const chunk::ChunkView& chunk);
  absl::Status DecodeTo(const chunk::ChunkView& chunk, chunk::SampleColumns* out);
  // Encodes waiting samples [0, end) and forgets them.
  void Encode(size_t end);
  void EncodeFull();  // As many full chunks as there are.
  void Emit(chunk::XorEncoder* encoder);

  std::vector<chunk::ChunkView>* merged_ = nullptr;
  chunk::SampleColumns waiting_;  // Samples not yet in a chunk.
  chunk::SampleColumns scratch_;
  // What Encode made. Views of it are set at the end, since the vector grows.
  std::vector<std::string> encoded_;
  std::vector<size_t> places_;  // In *merged_, of each encoded chunk.
};

}  // namespace compaction
