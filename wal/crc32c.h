// CRC-32C (Castagnoli), by ISA-L.
#pragma once

#include <cstdint>
#include <string_view>

namespace wal {

// The usual value: initial and final inversion included. Crc32c("123456789") == 0xe3069283.
// `seed` is the value of the bytes before, so that Crc32c(b, Crc32c(a)) == Crc32c(ab).
uint32_t Crc32c(std::string_view bytes, uint32_t seed = 0);

}  // namespace wal
