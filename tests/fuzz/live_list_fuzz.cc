// Any bytes are a list that is written again as the same list, or none.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "storage/block/live_list.h"
#include "wal/crc32c.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  for (const bool signed_anew : {false, true}) {
    if (signed_anew) {  // So that what is behind the checksum is reached.
      text.resize(std::min(text.size(), text.rfind("crc32c ")));
      text += fmt::format("crc32c {:08x}\n", wal::Crc32c(text));
    }
    const auto list = storage::block::ParseLiveList(text);
    if (!list) continue;
    const auto again = storage::block::ParseLiveList(storage::block::FormatLiveList(*list));
    if (!again || *again != *list) std::abort();
  }
  return 0;
}
