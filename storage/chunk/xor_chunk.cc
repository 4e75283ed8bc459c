#include "storage/chunk/xor_chunk.h"

#include <bit>

#include "storage/base/check.h"
#include "storage/base/coding.h"
#include "storage/base/status.h"
#include "storage/chunk/bit_stream.h"

namespace chunk {
namespace {

constexpr size_t kHeaderBytes = 2;

// Whether `v` fits `bits` in Prometheus' sense: -(2^(bits-1) - 1) .. 2^(bits-1).
bool Fits(int64_t v, int bits) {
  return -((int64_t{1} << (bits - 1)) - 1) <= v && v <= int64_t{1} << (bits - 1);
}

void WriteTimeDelta(BitWriter* bits, int64_t dod) {
  if (dod == 0) {
    bits->Bit(false);
  } else if (Fits(dod, 14)) {
    bits->Bits(0b10, 2);
    bits->Bits(static_cast<uint64_t>(dod), 14);
  } else if (Fits(dod, 17)) {
    bits->Bits(0b110, 3);
    bits->Bits(static_cast<uint64_t>(dod), 17);
  } else if (Fits(dod, 20)) {
    bits->Bits(0b1110, 4);
    bits->Bits(static_cast<uint64_t>(dod), 20);
  } else {
    bits->Bits(0b1111, 4);
    bits->Bits(static_cast<uint64_t>(dod), 64);
  }
}

// Differences wrap: times are data, and data may be anything.
int64_t Minus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
int64_t Plus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

// A number of `n` bits with the sign rule of Fits.
int64_t Signed(uint64_t bits, int n) {
  if (n < 64 && bits > uint64_t{1} << (n - 1)) return static_cast<int64_t>(bits - (uint64_t{1} << n));
  return static_cast<int64_t>(bits);
}

int64_t ReadTimeDelta(BitReader* bits) {
  const int prefix = static_cast<int>(bits->Peek(4));
  if (prefix < 0b1000) {
    bits->Take(1);
    return 0;
  }
  if (prefix < 0b1100) {
    bits->Take(2);
    return Signed(bits->Bits(14), 14);
  }
  if (prefix < 0b1110) {
    bits->Take(3);
    return Signed(bits->Bits(17), 17);
  }
  bits->Take(4);
  return prefix == 0b1110 ? Signed(bits->Bits(20), 20) : static_cast<int64_t>(bits->Bits(64));
}

// The XOR window of values, in the reader's hands.
struct ValueWindow {
  int leading = 0, significant = 0;

  uint64_t Next(BitReader* bits, uint64_t value) {
    const int prefix = static_cast<int>(bits->Peek(2));
    if (prefix < 0b10) {
      bits->Take(1);
      return value;
    }
    bits->Take(2);
    if (prefix == 0b11) {
      const uint64_t head = bits->Bits(11);
      leading = static_cast<int>(head >> 6);
      significant = static_cast<int>(head & 63);
      if (significant == 0) significant = 64;
      // No encoder writes this; bytes from a damaged disk may.
      if (leading + significant > 64) significant = 64 - leading;
    }
    if (significant == 0) return value;  // Likewise: a reused window before the first one.
    return value ^ (bits->Bits(significant) << (64 - leading - significant));
  }
};

// Uvarint of at most 10 bytes, as Go's binary package reads it.
bool ReadUvarint(BitReader* bits, uint64_t* v) {
  *v = 0;
  for (int i = 0; i < 10; ++i) {
    const uint64_t byte = bits->Bits(8);
    if (bits->failed()) return false;
    *v |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return true;
  }
  return false;
}

absl::Status DecodeXor(const ChunkView& view, model::TimeRange range, SampleColumns* out) {
  if (view.bytes.size() < kHeaderBytes) return base::DataLoss("chunk: {} bytes", view.bytes.size());
  BitReader bits(view.bytes.substr(kHeaderBytes));
  const auto keep = [&](int64_t t, uint64_t value) {
    out->times.push_back(t);
    out->values.push_back(std::bit_cast<double>(value));
  };
  const auto short_at = [&](int i) {
    return base::DataLoss("chunk: bytes end in sample {} of {}", i, view.num_samples);
  };
  if (view.num_samples == 0) return absl::OkStatus();

  uint64_t raw;
  if (!ReadUvarint(&bits, &raw)) return short_at(0);
  int64_t t = base::UnZigZag(raw);
  uint64_t value = bits.Bits(64);
  if (bits.failed()) return short_at(0);
  if (t > range.max) return absl::OkStatus();
  if (t >= range.min) keep(t, value);
  if (view.num_samples == 1) return absl::OkStatus();

  ValueWindow window;
  if (!ReadUvarint(&bits, &raw)) return short_at(1);
  int64_t delta = static_cast<int64_t>(raw);
  t = Plus(t, delta);
  value = window.Next(&bits, value);
  if (bits.failed()) return short_at(1);
  if (t > range.max) return absl::OkStatus();
  if (t >= range.min) keep(t, value);

  for (int i = 2; i < view.num_samples; ++i) {
    delta = Plus(delta, ReadTimeDelta(&bits));
    t = Plus(t, delta);
    value = window.Next(&bits, value);
    if (bits.failed()) return short_at(i);
    if (t > range.max) break;
    if (t >= range.min) keep(t, value);
  }
  return absl::OkStatus();
}

}  // namespace

bool XorEncoder::Append(model::Sample sample) {
  if (num_samples_ >= kMaxSamples || bits_.size() >= kMaxBytes) return false;
  if (num_samples_ == 0) {
    bits_.assign(kHeaderBytes, '\0');
    free_bits_ = 0;
    leading_zeros_ = 0xff;
    first_t_ = sample.t;
    base::AppendZigZag(&bits_, sample.t);
    base::AppendBigEndian(&bits_, std::bit_cast<uint64_t>(sample.v));
  } else {
    DCHECK(sample.t > last_t_);
    BitWriter bits(&bits_, &free_bits_);
    const int64_t delta = Minus(sample.t, last_t_);
    if (num_samples_ == 1) {
      std::string varint;
      base::AppendVarint(&varint, static_cast<uint64_t>(delta));
      for (const char c : varint) bits.Bits(static_cast<unsigned char>(c), 8);
    } else {
      WriteTimeDelta(&bits, Minus(delta, last_delta_ms_));
    }
    last_delta_ms_ = delta;
    const uint64_t diff = std::bit_cast<uint64_t>(sample.v) ^ std::bit_cast<uint64_t>(last_v_);
    if (diff == 0) {
      bits.Bit(false);
    } else {
      const int leading = std::min(std::countl_zero(diff), 31);
      const int trailing = std::countr_zero(diff);
      if (leading_zeros_ != 0xff && leading >= leading_zeros_ && trailing >= trailing_zeros_) {
        const int significant = 64 - leading_zeros_ - trailing_zeros_;
        bits.Bits(0b10, 2);
        bits.Bits(diff >> trailing_zeros_, significant);
      } else {
        leading_zeros_ = static_cast<uint8_t>(leading);
        trailing_zeros_ = static_cast<uint8_t>(trailing);
        const int significant = 64 - leading - trailing;  // 64 is written as 0.
        bits.Bits(0b11, 2);
        bits.Bits(static_cast<uint64_t>(leading) << 6 | (significant & 63), 11);
        bits.Bits(diff >> trailing, significant);
      }
    }
  }
  ++num_samples_;
  bits_[0] = static_cast<char>(num_samples_ >> 8);
  bits_[1] = static_cast<char>(num_samples_);
  last_t_ = sample.t;
  last_v_ = sample.v;
  return true;
}

ChunkView XorEncoder::view() const {
  return {Encoding::kXor, {first_t_, last_t_}, num_samples_, bits_};
}

std::string XorEncoder::Seal() && {
  std::string bytes = std::move(bits_);
  bytes.shrink_to_fit();
  *this = XorEncoder();
  return bytes;
}

absl::Status Decode(const ChunkView& view, model::TimeRange range, SampleColumns* out) {
  switch (view.encoding) {
    case Encoding::kXor:
      return DecodeXor(view, range, out);
    case Encoding::kNone:
    case Encoding::kHistogram:
    case Encoding::kFloatHistogram:
      break;
  }
  return base::DataLoss("chunk: unknown encoding {}", static_cast<int>(view.encoding));
}

}  // namespace chunk
