#include "storage/chunk/cut.h"

#include "storage/base/check.h"
#include "storage/base/status.h"
#include "storage/chunk/xor_chunk.h"

namespace chunk {
namespace {

OwnedChunk Seal(XorEncoder encoder) {
  OwnedChunk chunk;
  chunk.without_bytes = encoder.view();
  chunk.without_bytes.bytes = {};
  chunk.bytes = std::move(encoder).Seal();
  return chunk;
}

}  // namespace

absl::Status Cut(const ChunkView& view, model::TimeRange range, std::vector<OwnedChunk>* out) {
  MixedColumns columns;
  RETURN_IF_ERROR(Decode(view, range, &columns, FirstHint::kAsWritten));
  *out = Encode(columns.histograms);
  XorEncoder encoder;
  for (size_t i = 0; i < columns.floats.size(); ++i) {
    const model::Sample sample{columns.floats.times[i], columns.floats.values[i]};
    if (encoder.Append(sample)) continue;
    out->push_back(Seal(std::move(encoder)));
    encoder = XorEncoder();
    CHECK(encoder.Append(sample));
  }
  if (!encoder.empty()) out->push_back(Seal(std::move(encoder)));
  return absl::OkStatus();
}

}  // namespace chunk
