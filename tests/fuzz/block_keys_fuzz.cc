// Decoders of the block store's keys and values: whatever the bytes, nothing is read past their
// end, and what is given out is well formed.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "storage/block/block_keys.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace storage::block;  // NOLINT: a program of one function.
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  uint32_t ref = 0;
  model::TimeMs last = 0;
  switch (data[0] % 6) {
    case 0:
      if (ParseRowKey(bytes, &ref, &last) && RowKey(ref, last) != bytes) std::abort();
      if (ParseSeriesKey(bytes, &ref) && SeriesKey(ref) != bytes) std::abort();
      break;
    case 1: {
      std::string name;
      std::string_view value;
      if (ParsePairKey(bytes, &name, &value) && PairKey(name, value) != bytes) std::abort();
      break;
    }
    case 2: {
      std::vector<chunk::ChunkView> chunks;
      ParseRow(static_cast<model::TimeMs>(size), bytes, model::TimeRange(), &chunks);
      chunk::SampleColumns columns;
      for (const chunk::ChunkView& chunk : chunks) {
        columns.clear();
        if (chunk.bytes.data() < bytes.data() ||
            chunk.bytes.data() + chunk.bytes.size() > bytes.data() + bytes.size()) {
          std::abort();
        }
        static_cast<void>(chunk::Decode(chunk, model::TimeRange(), &columns));
      }
      break;
    }
    case 3: {
      std::string_view labels;
      std::vector<model::TimeRange> rows;
      static_cast<void>(ParseSeries(bytes, &labels, &rows));
      break;
    }
    case 4: {
      storage::Postings postings;
      if (!ParsePostings(bytes, &postings)) break;
      for (size_t i = 1; i < postings.size(); ++i) {
        if (postings[i - 1] >= postings[i]) std::abort();
      }
      break;
    }
    default: {
      storage::BlockMeta meta;
      static_cast<void>(ParseMeta(bytes, &meta));
      break;
    }
  }
  return 0;
}
