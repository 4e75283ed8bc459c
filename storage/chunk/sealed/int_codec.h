// Integers packed by the hundred: each run of up to 128 as distances to a floor, in as few bits as
// most of them need; the high bits of the others follow as patches (PFOR; Zukowski et al., ICDE 2006).
//
//   per run   byte: bits per number 0..64, 0x80 with patches | z floor
//             | with patches: count (1), each: place (1), v number >> bits
//             | the numbers' low bits, lowest first, ceil(numbers * bits / 8) bytes
//
// Arithmetic wraps: any 64 bits are a number.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace chunk::sealed {

inline constexpr size_t kRun = 128;

void AppendInts(std::span<const int64_t> numbers, std::string* out);
// At most so many bytes are what AppendInts would append, and seldom fewer; quicker than it is.
size_t IntsSize(std::span<const int64_t> numbers);
// Takes `n` numbers off the front of *in. False when it is too short or malformed; *in and `out`
// are then unspecified. Never reads past the end.
bool TakeInts(std::string_view* in, size_t n, int64_t* out);

}  // namespace chunk::sealed
