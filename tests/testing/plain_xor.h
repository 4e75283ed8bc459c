// Chunks of Prometheus' XOR encoding read bit by bit, as its document says it.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#include "storage/chunk/chunk.h"

namespace testing_support {

class PlainXor {
 public:
  explicit PlainXor(std::string_view bytes) : bytes_(bytes) {}

  // Up to `count` samples; false when the bytes end before, and *out then holds those that are whole.
  bool Decode(int count, chunk::SampleColumns* out) {
    at_ = 16;
    uint64_t t = 0, delta = 0, value = 0;
    int leading = 0, significant = 0;
    for (int i = 0; i < count; ++i) {
      if (i == 0) {
        const uint64_t zigzag = Varint();
        t = zigzag >> 1 ^ -(zigzag & 1);
        value = Bits(64);
      } else {
        delta = i == 1 ? Varint() : delta + TimeDelta();
        t += delta;
        if (Bits(1) == 1) {
          if (Bits(1) == 1) {
            leading = static_cast<int>(Bits(5));
            significant = static_cast<int>(Bits(6));
            if (significant == 0) significant = 64;
            if (leading + significant > 64) significant = 64 - leading;
          }
          if (significant > 0) value ^= Bits(significant) << (64 - leading - significant);
        }
      }
      if (at_ > 8 * bytes_.size()) return false;
      out->times.push_back(static_cast<int64_t>(t));
      out->values.push_back(std::bit_cast<double>(value));
    }
    return true;
  }

 private:
  uint64_t Bits(int n) {
    uint64_t v = 0;
    for (; n > 0; --n, ++at_) {
      const size_t byte = at_ / 8;
      const int bit = byte < bytes_.size() ? bytes_[byte] >> (7 - at_ % 8) & 1 : 0;
      v = v << 1 | static_cast<uint64_t>(bit);
    }
    return v;
  }
  uint64_t Varint() {
    uint64_t v = 0;
    for (int i = 0; i < 10; ++i) {
      const uint64_t byte = Bits(8);
      v |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) break;
    }
    return v;
  }
  uint64_t TimeDelta() {
    if (Bits(1) == 0) return 0;
    for (const int width : {14, 17, 20}) {
      if (Bits(1) == 1) continue;
      const uint64_t v = Bits(width);
      return v > uint64_t{1} << (width - 1) ? v - (uint64_t{1} << width) : v;
    }
    return Bits(64);
  }

  const std::string_view bytes_;
  size_t at_ = 0;  // In bits.
};

}  // namespace testing_support
