// How a segment file is laid out; shared by writer and reader. Drawn in this room's README.
#pragma once

#include <cstdint>
#include <string_view>

namespace wal {

inline constexpr std::string_view kMagic = "TIDEWAL2";
inline constexpr uint32_t kFileHeaderBytes = 24;  // magic, number, bytes of the one before, CRC-32C
inline constexpr std::string_view kMagicOne = "TIDEWAL1";  // Without the bytes of the one before.
inline constexpr uint32_t kFileHeaderOneBytes = 16;
inline constexpr uint32_t kPageBytes = 32 * 1024;
inline constexpr uint32_t kFragmentHeaderBytes = 7;  // CRC-32C (4), length (2), kind (1)

// Low four bits: which part of a record. A record begins with kFull or kFirst.
enum FragmentKind : uint8_t { kNone = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };
inline constexpr uint8_t kKindMask = 0x0f;
inline constexpr uint8_t kSnappy = 0x10;  // The record, put together again, is snappy-compressed.

}  // namespace wal
