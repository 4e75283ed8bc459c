// Numbers of few bits when they are small, and values as what changed in them: Prometheus' varbit
// and XOR, on which its histogram chunks are built.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "storage/chunk/bit_stream.h"

namespace chunk {

// By how many ones stand in front: the bits that follow.
inline constexpr int kVarbitWidths[] = {0, 3, 6, 9, 12, 18, 25, 56, 64};

inline void PutVarbit(BitWriter* bits, uint64_t v, int ones) {
  if (ones == 8) {
    bits->Bits(0xff, 8);
  } else {
    bits->Bits(((uint64_t{1} << ones) - 1) << 1, ones + 1);
  }
  bits->Bits(v, kVarbitWidths[ones]);
}

inline void PutVarbitUint(BitWriter* bits, uint64_t v) {
  int ones = 0;
  while (ones < 8 && static_cast<int>(std::bit_width(v)) > kVarbitWidths[ones]) ++ones;
  PutVarbit(bits, v, ones);
}

// n bits hold -(2^(n-1) - 1) .. 2^(n-1).
inline void PutVarbitInt(BitWriter* bits, int64_t v) {
  int ones = 0;
  const auto fits = [v](int n) {
    if (n == 0) return v == 0;
    return -((int64_t{1} << (n - 1)) - 1) <= v && v <= int64_t{1} << (n - 1);
  };
  while (ones < 8 && !fits(kVarbitWidths[ones])) ++ones;
  PutVarbit(bits, static_cast<uint64_t>(v), ones);
}

// What is missing at the end reads as zeros, and the reader says so.
inline uint64_t ReadVarbitUint(BitReader* bits, int* width = nullptr) {
  bits->Fill();
  const int ones = std::countl_one(static_cast<uint8_t>(bits->Peek(8)));
  bits->Take(ones == 8 ? 8 : ones + 1);
  const int n = kVarbitWidths[ones];
  if (width != nullptr) *width = n;
  return n == 0 ? 0 : bits->Bits(n);
}

inline int64_t ReadVarbitInt(BitReader* bits) {
  int n;
  const uint64_t v = ReadVarbitUint(bits, &n);
  if (n > 0 && n < 64 && v > uint64_t{1} << (n - 1)) {
    return static_cast<int64_t>(v - (uint64_t{1} << n));
  }
  return static_cast<int64_t>(v);
}

// Where the bits lie that changed last.
struct XorWindow {
  uint8_t leading = 0xff, trailing = 0;  // 0xff: there is none yet.
};

inline void PutXor(BitWriter* bits, double v, double last, XorWindow* window) {
  const uint64_t diff = std::bit_cast<uint64_t>(v) ^ std::bit_cast<uint64_t>(last);
  if (diff == 0) return bits->Bit(false);
  const int leading = std::min(std::countl_zero(diff), 31), trailing = std::countr_zero(diff);
  if (window->leading != 0xff && leading >= window->leading && trailing >= window->trailing) {
    bits->Bits(0b10, 2);
    bits->Bits(diff >> window->trailing, 64 - window->leading - window->trailing);
    return;
  }
  *window = {static_cast<uint8_t>(leading), static_cast<uint8_t>(trailing)};
  const int significant = 64 - leading - trailing;  // 64 is written as 0.
  bits->Bits(uint64_t{0b11} << 11 | static_cast<uint64_t>(leading) << 6 | (significant & 63), 13);
  bits->Bits(diff >> trailing, significant);
}

inline double ReadXor(BitReader* bits, double last, XorWindow* window) {
  bits->Fill();
  const auto prefix = static_cast<unsigned>(bits->Peek(2));
  if (prefix < 0b10) {
    bits->Take(1);
    return last;
  }
  bits->Take(2);
  if (window->leading == 0xff) window->leading = 0;
  if (prefix == 0b11) {
    const uint64_t head = bits->Bits(11);
    const int leading = static_cast<int>(head >> 6);
    int significant = static_cast<int>(head & 63);
    if (significant == 0) significant = 64;
    // No encoder writes more than there are; bytes from a damaged disk may.
    significant = std::min(significant, 64 - leading);
    *window = {static_cast<uint8_t>(leading), static_cast<uint8_t>(64 - leading - significant)};
  }
  const uint64_t diff = bits->Bits(64 - window->leading - window->trailing);
  return std::bit_cast<double>(std::bit_cast<uint64_t>(last) ^ diff << window->trailing);
}

}  // namespace chunk
