#include "wal/crc32c.h"

#include <isa-l/crc.h>

namespace wal {

uint32_t Crc32c(std::string_view bytes, uint32_t seed) {
  constexpr size_t kMost = 1u << 30;  // The library counts in int.
  uint32_t crc = ~seed;
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, kMost);
    crc = crc32_iscsi(reinterpret_cast<unsigned char*>(const_cast<char*>(part.data())),
                      static_cast<int>(part.size()), crc);
    bytes.remove_prefix(part.size());
  }
  return ~crc;
}

}  // namespace wal
