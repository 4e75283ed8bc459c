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

// A few bits on their way behind others: gathered in words, then appended in one go.
// At most kMaxBits in all.
class BitStage {
 public:
  static constexpr int kMaxBits = 256;

  // `last` is the byte that is begun, with `free_bits` of it unused; without any it does not matter.
  BitStage(unsigned char last, int free_bits)
      : word_(free_bits > 0 ? uint64_t{last} << 56 : 0), used_(free_bits > 0 ? 8 - free_bits : 0) {}

  void Bit(bool bit) { Bits(bit, 1); }
  void Bits(uint64_t v, int n) {  // The low `n` bits of `v`, n in 1..64.
    v <<= 64 - n;
    word_ |= v >> used_;
    used_ += n;
    if (used_ < 64) return;
    Store();
    used_ -= 64;
    word_ = used_ == 0 ? 0 : v << (n - used_);
  }
  // What was gathered, with the byte begun in front.
  std::string_view Finish() {
    const int rest = (used_ + 7) / 8;
    const size_t size = static_cast<size_t>(end_ - bytes_ + rest);
    Store();
    return {bytes_, size};
  }
  int free_bits() const { return (8 - used_ % 8) % 8; }  // Of the last byte.

 private:
  void Store() {
    const uint64_t big_endian = __builtin_bswap64(word_);
    std::memcpy(end_, &big_endian, 8);
    end_ += 8;
  }

  uint64_t word_;
  int used_;
  char bytes_[kMaxBits / 8 + 16];
  char* end_ = bytes_;
};

class BitReader {
 public:
  explicit BitReader(std::string_view bytes)
      : begin_(bytes.data()), p_(begin_), end_(p_ + bytes.size()) {}

  // Bits since the beginning; until it failed.
  size_t taken() const { return 8 * static_cast<size_t>(p_ - begin_) - static_cast<size_t>(have_); }

  // True once a read wanted more bits than there were; zeros stood in for what was missing.
  bool failed() const { return have_ < 0; }

  // The next `n` bits, n in 1..64.
  uint64_t Bits(int n) {
    if (n > kAhead) {
      const uint64_t high = Bits(32);
      return high << (n - 32) | Bits(n - 32);
    }
    Fill();
    const uint64_t v = Peek(n);
    Take(n);
    return v;
  }

  // For decoders that know how many bits one step takes at the most: after Fill, kAhead bits can be
  // looked at and taken without further checks.
  static constexpr int kAhead = 56;
  void Fill() {
    if (have_ >= kAhead) return;
    if (end_ - p_ >= 8 && have_ >= 0) {
      uint64_t word;
      std::memcpy(&word, p_, 8);
      // The bits that do not fit are read again next time: only whole bytes are counted.
      buffer_ |= __builtin_bswap64(word) >> have_;
      const int bytes = (63 - have_) >> 3;
      p_ += bytes;
      have_ += 8 * bytes;
      return;
    }
    FillSlowly();
  }
  uint64_t Peek(int n) const { return buffer_ >> (64 - n); }  // n in 1..kAhead
  void Take(int n) {
    buffer_ <<= n;
    have_ -= n;
  }

 private:
  void FillSlowly() {
    if (have_ < 0) return;
    // Near the end: bits beyond the whole bytes counted must not stay, or they would be ORed twice.
    if (have_ < 64) buffer_ = have_ == 0 ? 0 : buffer_ & ~(~uint64_t{0} >> have_);
    while (have_ <= 56 && p_ < end_) {
      buffer_ |= static_cast<uint64_t>(static_cast<unsigned char>(*p_++)) << (56 - have_);
      have_ += 8;
    }
  }

  const char* const begin_;
  const char* p_;
  const char* const end_;
  uint64_t buffer_ = 0;  // The next `have_` bits at the top; below, a copy of what p_ points to or 0.
  int have_ = 0;         // Negative: more was taken than there was.
};

}  // namespace chunk
