// When which block was verified, from bytes: what is taken comes out as the same again. The checksum
// is put right, so that all else is reached.
#include <cstdint>
#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include "compaction/scrub.h"
#include "wal/crc32c.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(compaction::ParseScrubText(text));
  text += fmt::format("crc32c {:08x}\n", wal::Crc32c(text));
  const auto verified = compaction::ParseScrubText(text);
  if (verified && compaction::ParseScrubText(compaction::ScrubText(*verified)) != verified) {
    std::abort();
  }
  return 0;
}
