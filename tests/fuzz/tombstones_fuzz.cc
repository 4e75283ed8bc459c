// What was deleted of a block, from bytes: whatever they are, spans ascend, stay apart and come out
// as the same bytes again. The checksum is put right, so that all else is reached.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "storage/base/coding.h"
#include "storage/block/tombstones.h"
#include "wal/crc32c.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using storage::block::Tombstones;
  std::string bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(Tombstones::Parse(bytes));
  base::AppendLittleEndian(&bytes, wal::Crc32c(bytes));
  const std::optional<Tombstones> deleted = Tombstones::Parse(bytes);
  if (!deleted) return 0;
  for (uint32_t ref = 0; ref < 300; ++ref) {
    const auto spans = deleted->Of(ref);
    for (size_t i = 0; i < spans.size(); ++i) {
      if (spans[i].empty() || (i > 0 && spans[i].min <= spans[i - 1].max)) std::abort();
    }
  }
  std::string once, twice;
  deleted->AppendTo(&once);  // Not the input: a varint may have been longer than it has to be.
  const std::optional<Tombstones> again = Tombstones::Parse(once);
  if (!again || again->num_series() != deleted->num_series()) std::abort();
  again->AppendTo(&twice);
  if (once != twice) std::abort();
  return 0;
}
