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

void WriteTimeDelta(BitStage* bits, int64_t dod) {
  if (dod == 0) {
    bits->Bit(false);
  } else if (Fits(dod, 14)) {
    bits->Bits(0b10 << 14 | (static_cast<uint64_t>(dod) & 0x3fff), 16);
  } else if (Fits(dod, 17)) {
    bits->Bits(0b110 << 17 | (static_cast<uint64_t>(dod) & 0x1ffff), 20);
  } else if (Fits(dod, 20)) {
    bits->Bits(0b1110 << 20 | (static_cast<uint64_t>(dod) & 0xfffff), 24);
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

// At most 68 bits; Fill was called.
int64_t ReadTimeDelta(BitReader* bits) {
  const auto prefix = static_cast<unsigned>(bits->Peek(4));
  if (prefix < 0b1000) {
    bits->Take(1);
    return 0;
  }
  if (prefix == 0b1111) {
    bits->Take(4);
    return static_cast<int64_t>(bits->Bits(64));
  }
  const int ones = prefix < 0b1100 ? 1 : prefix < 0b1110 ? 2 : 3;
  constexpr int kWidths[] = {0, 14, 17, 20};
  const int width = kWidths[ones];
  bits->Take(ones + 1);
  const int64_t dod = Signed(bits->Peek(width), width);
  bits->Take(width);
  return dod;
}

// The XOR window of values, in the reader's hands.
struct ValueWindow {
  int leading = 0, significant = 0;

  uint64_t Next(BitReader* bits, uint64_t value) {
    bits->Fill();
    const auto prefix = static_cast<unsigned>(bits->Peek(2));
    if (prefix < 0b10) {
      bits->Take(1);
      return value;
    }
    bits->Take(2);
    if (prefix == 0b11) {
      const uint64_t head = bits->Peek(11);
      bits->Take(11);
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
uint64_t ReadUvarint(BitReader* bits) {
  uint64_t v = 0;
  for (int i = 0; i < 10; ++i) {
    const uint64_t byte = bits->Bits(8);
    v |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) break;
  }
  return v;
}

absl::Status DecodeXor(const ChunkView& view, model::TimeRange range, SampleColumns* out) {
  if (view.num_samples <= 0) return absl::OkStatus();
  if (view.bytes.size() < kHeaderBytes) return base::DataLoss("chunk: {} bytes", view.bytes.size());
  BitReader bits(view.bytes.substr(kHeaderBytes));
  // Every sample takes two bits at the least, so a false count cannot ask for much memory.
  const int n = static_cast<int>(std::min<size_t>(view.num_samples, view.bytes.size() * 4));
  const size_t base = out->size();
  out->times.resize(base + n);
  out->values.resize(base + n);
  int64_t* const times = out->times.data() + base;
  double* const values = out->values.data() + base;
  size_t kept = 0;

  int64_t t = 0, delta = 0;
  uint64_t value = 0;
  ValueWindow window;
  int i = 0;
  for (; i < n; ++i) {
    if (i >= 2) {
      bits.Fill();
      delta = Plus(delta, ReadTimeDelta(&bits));
      t = Plus(t, delta);
      value = window.Next(&bits, value);
    } else if (i == 0) {
      t = base::UnZigZag(ReadUvarint(&bits));
      value = bits.Bits(64);
    } else {
      delta = static_cast<int64_t>(ReadUvarint(&bits));
      t = Plus(t, delta);
      value = window.Next(&bits, value);
    }
    if (bits.failed() || t > range.max) break;
    times[kept] = t;
    values[kept] = std::bit_cast<double>(value);
    kept += t >= range.min;
  }
  out->times.resize(base + kept);
  out->values.resize(base + kept);
  if (bits.failed() || n < view.num_samples) {
    return base::DataLoss("chunk: bytes end in sample {} of {}", i, view.num_samples);
  }
  return absl::OkStatus();
}

}  // namespace

void XorEncoder::Start(model::Sample sample) {
  std::string bytes(kHeaderBytes, '\0');
  base::AppendZigZag(&bytes, sample.t);
  base::AppendBigEndian(&bytes, std::bit_cast<uint64_t>(sample.v));
  bits_.Shrink(0);
  bits_.append(bytes);
  free_bits_ = 0;
  leading_zeros_ = 0xff;
}

void XorEncoder::WriteValue(double v, BitStage* bits) {
  const uint64_t diff = std::bit_cast<uint64_t>(v) ^ std::bit_cast<uint64_t>(last_v_);
  if (diff == 0) return bits->Bit(false);
  const int leading = std::min(std::countl_zero(diff), 31);
  const int trailing = std::countr_zero(diff);
  if (leading_zeros_ != 0xff && leading >= leading_zeros_ && trailing >= trailing_zeros_) {
    bits->Bits(0b10, 2);
    bits->Bits(diff >> trailing_zeros_, 64 - leading_zeros_ - trailing_zeros_);
    return;
  }
  leading_zeros_ = static_cast<uint8_t>(leading);
  trailing_zeros_ = static_cast<uint8_t>(trailing);
  const int significant = 64 - leading - trailing;  // 64 is written as 0.
  bits->Bits(uint64_t{0b11} << 11 | static_cast<uint64_t>(leading) << 6 | (significant & 63), 13);
  bits->Bits(diff >> trailing, significant);
}

bool XorEncoder::Append(model::Sample sample) {
  if (num_samples_ >= kMaxSamples || bits_.size() >= kMaxBytes) return false;
  if (num_samples_ == 0) {
    Start(sample);
  } else {
    DCHECK(sample.t > last_t_);
    BitStage bits(static_cast<unsigned char>(bits_.back()), free_bits_);
    const int64_t delta = Minus(sample.t, last_t_);
    if (num_samples_ == 1) {
      std::string varint;
      base::AppendVarint(&varint, static_cast<uint64_t>(delta));
      for (const char c : varint) bits.Bits(static_cast<unsigned char>(c), 8);
    } else {
      WriteTimeDelta(&bits, Minus(delta, last_delta_ms_));
    }
    last_delta_ms_ = delta;
    WriteValue(sample.v, &bits);
    if (free_bits_ > 0) bits_.Shrink(bits_.size() - 1);  // It comes again, fuller.
    bits_.append(bits.Finish());
    free_bits_ = static_cast<uint8_t>(bits.free_bits());
  }
  ++num_samples_;
  bits_[0] = static_cast<char>(num_samples_ >> 8);
  bits_[1] = static_cast<char>(num_samples_);
  last_t_ = sample.t;
  last_v_ = sample.v;
  return true;
}

ChunkView XorEncoder::view() const {
  model::TimeMs first = 0;
  if (num_samples_ > 0) {
    std::string_view bytes = bits_.view().substr(kHeaderBytes);
    CHECK(base::GetZigZag(&bytes, &first));
  }
  return {Encoding::kXor, {first, last_t_}, num_samples_, bits_.view()};
}

std::string XorEncoder::Seal() && {
  std::string bytes(bits_.view());
  *this = XorEncoder();
  return bytes;
}

absl::Status Decode(const ChunkView& view, model::TimeRange range, SampleColumns* out) {
  switch (view.encoding) {
    case Encoding::kXor:
      return DecodeXor(view, range, out);
    case Encoding::kHistogram:
    case Encoding::kFloatHistogram:
      out->histograms = out->histograms || view.range.Overlaps(range);
      return absl::OkStatus();
    case Encoding::kNone:
      break;
  }
  return base::DataLoss("chunk: unknown encoding {}", static_cast<int>(view.encoding));
}

}  // namespace chunk
