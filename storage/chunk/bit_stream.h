// Bits, most significant first. BitWriter appends to a string; BitReader never reads past the end.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace chunk {

class BitWriter {  // Keeps its position in *free_bits: unused low bits of the last byte of *out.
 public:
  BitWriter(std::string* out, uint8_t* free_bits) : out_(out), free_(free_bits) {}

  void Bit(bool bit) { Bits(bit, 1); }

  // The low `n` bits of `v`, n in 0..64.
  void Bits(uint64_t v, int n) {
    if (n > *free_) {
      if (n < 64) v &= (uint64_t{1} << n) - 1;
      if (*free_ > 0) {
        n -= *free_;
        out_->back() |= static_cast<char>(v >> n);
      }
      while (n > 8) {
        n -= 8;
        out_->push_back(static_cast<char>(v >> n));
      }
      *free_ = static_cast<uint8_t>(8 - n);
      out_->push_back(static_cast<char>(v << *free_));
      return;
    }
    if (n == 0) return;
    v &= (uint64_t{1} << n) - 1;
    *free_ = static_cast<uint8_t>(*free_ - n);
    out_->back() |= static_cast<char>(v << *free_);
  }

 private:
  std::string* const out_;
  uint8_t* const free_;
};

class BitReader {
 public:
  explicit BitReader(std::string_view bytes) : p_(bytes.data()), end_(p_ + bytes.size()) {}

  // True once a read wanted more bits than there were; every read since gave zeros.
  bool failed() const { return failed_; }

  bool Bit() { return Bits(1) != 0; }

  // The next `n` bits, n in 1..64.
  uint64_t Bits(int n) {
    if (n > have_) Refill();
    if (n <= have_) {
      const uint64_t v = buffer_ >> (64 - n);
      Skip(n);
      return v;
    }
    return BitsSlow(n);
  }

  // Looks at the next up to 57 bits without taking them; bits past the end are zero.
  uint64_t Peek(int n) {
    if (n > have_) Refill();
    return buffer_ >> (64 - n);
  }
  // Takes n bits that were peeked.
  void Take(int n) {
    if (n > have_) {
      failed_ = true;
      n = have_;
      if (n == 0) return;
    }
    Skip(n);
  }

 private:
  void Skip(int n) {
    buffer_ = n == 64 ? 0 : buffer_ << n;
    have_ -= n;
  }

  // Brings at least 57 bits where there are as many.
  void Refill() {
    if (end_ - p_ >= 8) {
      uint64_t word;
      std::memcpy(&word, p_, 8);
      word = __builtin_bswap64(word);
      const int bytes = (64 - have_) >> 3;
      if (bytes == 0) return;
      // Bits beyond the whole bytes taken are read again next time; mask them off.
      if (bytes < 8) word &= ~uint64_t{0} << (64 - 8 * bytes);
      buffer_ |= have_ == 64 ? 0 : word >> have_;
      p_ += bytes;
      have_ += 8 * bytes;
      return;
    }
    while (have_ <= 56 && p_ < end_) {
      buffer_ |= static_cast<uint64_t>(static_cast<unsigned char>(*p_++)) << (56 - have_);
      have_ += 8;
    }
  }

  uint64_t BitsSlow(int n) {
    // Wanted more than the buffer can hold at once (58..64 bits), or the end is near.
    uint64_t v = 0;
    while (n > 0) {
      if (have_ == 0) Refill();
      if (have_ == 0) {
        failed_ = true;
        return 0;
      }
      const int part = n < have_ ? n : have_;
      v = (part == 64 ? 0 : v << part) | (buffer_ >> (64 - part));
      Skip(part);
      n -= part;
    }
    return v;
  }

  const char* p_;
  const char* const end_;
  uint64_t buffer_ = 0;  // The next `have_` bits at the top; zeros below.
  int have_ = 0;
  bool failed_ = false;
};

}  // namespace chunk
