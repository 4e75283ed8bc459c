#include "storage/chunk/xor_chunk.h"

#include <algorithm>
#include <bit>
#include <cstring>

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

// The third sample and those after it. Bytes are there for whatever a sample may take, so that any
// eight can be read at any bit: where the next sample begins hangs on one read, not on several.
class SampleReader {
 public:
  // What a sample takes, 68 + 13 + 64 bits at the most, with what a read looks at beyond it.
  static constexpr size_t kSampleBytes = 32;

  // Samples that begin before `end`, both in bits; kSampleBytes can be read from there.
  SampleReader(const char* bytes, size_t bit, size_t end) : bytes_(bytes), bit_(bit), end_(end) {}

  bool more() const { return bit_ < end_; }
  size_t bit() const { return bit_; }

  // Moves on. Returns how many samples this was: several, at most `most`, when nothing changes.
  [[gnu::always_inline]] int Next(int most, int64_t* delta, uint64_t* value, ValueWindow* window) {
    uint64_t head = Load(bit_);
    if (head >> 62 == 0) {
      const int same = std::min(std::countl_zero(head | uint64_t{1} << (64 - kValid)) / 2, most);
      bit_ += static_cast<size_t>(2 * same);
      return same;
    }
    if (head >> 63 == 0) {
      head <<= 1, ++bit_;
    } else {
      head = TakeTimeDelta(head, delta);
    }
    if (head >> 63 == 0) {
      ++bit_;
      return 1;
    }
    if (head >> 62 == 0b11) {
      window->leading = static_cast<int>(head >> 57 & 31);
      window->significant = static_cast<int>(head >> 51 & 63);
      if (window->significant == 0) window->significant = 64;
      // No encoder writes this; bytes from a damaged disk may.
      if (window->leading + window->significant > 64) window->significant = 64 - window->leading;
      bit_ += 13;
    } else {
      bit_ += 2;
    }
    if (window->significant == 0) return 1;  // Likewise: a reused window before the first one.
    *value ^= LoadBits(window->significant) << (64 - window->leading - window->significant);
    bit_ += static_cast<size_t>(window->significant);
    return 1;
  }

 private:
  static constexpr int kValid = 57;  // Bits of a read.

  uint64_t Load(size_t bit) const {
    uint64_t word;
    std::memcpy(&word, bytes_ + (bit >> 3), 8);
    return __builtin_bswap64(word) << (bit & 7);
  }
  uint64_t LoadBits(int n) const {  // n in 1..64
    if (n <= kValid) return Load(bit_) >> (64 - n);
    return Load(bit_) >> 32 << (n - 32) | Load(bit_ + 32) >> (96 - n);
  }
  // `head` begins with a difference that is not zero; returns what follows it, 33 bits at the least.
  uint64_t TakeTimeDelta(uint64_t head, int64_t* delta) {
    if (head >> 62 == 0b10) {  // As nearly always.
      *delta = Plus(*delta, Signed(head << 2 >> 50, 14));
      bit_ += 16;
      return head << 16;
    }
    const int ones = std::min(std::countl_one(head), 4);
    if (ones == 4) {
      bit_ += 4;
      *delta = Plus(*delta, static_cast<int64_t>(LoadBits(64)));
      bit_ += 64;
      return Load(bit_);
    }
    constexpr int kWidths[] = {0, 14, 17, 20};
    const int width = kWidths[ones], taken = ones + 1 + width;
    *delta = Plus(*delta, Signed(head << (ones + 1) >> (64 - width), width));
    bit_ += static_cast<size_t>(taken);
    return head << taken;
  }

  const char* const bytes_;
  size_t bit_;
  const size_t end_;  // Of bits where a sample may begin.
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

// How far decoding has come.
struct Progress {
  int64_t t = 0, delta = 0;
  uint64_t value = 0;
  ValueWindow window;
  int read = 0;     // Samples.
  size_t kept = 0;  // Those of them inside the range.
  bool failed = false, over = false;

  bool more(int n) const { return !failed && !over && read < n; }
};

struct Output {
  model::TimeRange range;
  int64_t* times;
  double* values;

  [[gnu::always_inline]] void Keep(Progress* p) const {
    p->over = p->t > range.max;
    times[p->kept] = p->t;
    values[p->kept] = std::bit_cast<double>(p->value);
    p->kept += (p->t >= range.min) & (p->t <= range.max);
    ++p->read;
  }
};

// On to sample `n`, or to where the reader has no more. The bytes are `end` bits long.
void ReadSamples(SampleReader reader, size_t end, int n, const Output& out, Progress* progress,
                 size_t* bit) {
  Progress p = *progress;  // In registers.
  while (p.more(n) && reader.more()) {
    int same = reader.Next(n - p.read, &p.delta, &p.value, &p.window);
    if (reader.bit() > end) [[unlikely]] {  // Then several are of two bits each.
      p.failed = true;
      same -= static_cast<int>((reader.bit() - end + 1) / 2);
      if (same <= 0) break;
    }
    do {
      p.t = Plus(p.t, p.delta);
      out.Keep(&p);
    } while (--same > 0 && !p.over);
  }
  *progress = p;
  *bit = reader.bit();
}

absl::Status DecodeXor(const ChunkView& view, model::TimeRange range, SampleColumns* out) {
  if (view.num_samples <= 0) return absl::OkStatus();
  const size_t size = view.bytes.size();
  if (size < kHeaderBytes) return base::DataLoss("chunk: {} bytes", size);
  // Every sample takes two bits at the least, so a false count cannot ask for much memory.
  const int n = static_cast<int>(std::min<size_t>(view.num_samples, size * 4));
  const size_t base = out->size();
  out->times.resize(base + n);
  out->values.resize(base + n);
  const Output output{range, out->times.data() + base, out->values.data() + base};

  Progress p;
  BitReader bits(view.bytes.substr(kHeaderBytes));
  for (int i = 0; i < 2 && p.more(n); ++i) {
    if (i == 0) {
      p.t = base::UnZigZag(ReadUvarint(&bits));
      p.value = bits.Bits(64);
    } else {
      p.delta = static_cast<int64_t>(ReadUvarint(&bits));
      p.t = Plus(p.t, p.delta);
      p.value = p.window.Next(&bits, p.value);
    }
    p.failed = bits.failed();
    if (!p.failed) output.Keep(&p);
  }
  if (p.more(n)) {
    size_t bit = 8 * kHeaderBytes + bits.taken();
    if (size > SampleReader::kSampleBytes) {
      const SampleReader reader(view.bytes.data(), bit, 8 * (size - SampleReader::kSampleBytes));
      ReadSamples(reader, 8 * size, n, output, &p, &bit);
    }
    // The last ones from a copy, with room behind it.
    const std::string_view rest = view.bytes.substr(bit >> 3);
    if (p.more(n)) {
      char roomy[2 * SampleReader::kSampleBytes] = {};
      std::memcpy(roomy, rest.data(), rest.size());
      const size_t end = 8 * rest.size();
      ReadSamples({roomy, bit & 7, end}, end, n, output, &p, &bit);
      p.failed |= p.more(n);
    }
  }
  out->times.resize(base + p.kept);
  out->values.resize(base + p.kept);
  if (p.failed || n < view.num_samples) {
    return base::DataLoss("chunk: bytes end in sample {} of {}", p.read, view.num_samples);
  }
  return absl::OkStatus();
}

}  // namespace

void XorAppender::Start(model::Sample sample) {
  std::string bytes(kHeaderBytes, '\0');
  base::AppendZigZag(&bytes, sample.t);
  base::AppendBigEndian(&bytes, std::bit_cast<uint64_t>(sample.v));
  bits_.Shrink(0);
  bits_.append(bytes);
  free_bits_ = 0;
  leading_zeros_ = 0xff;
}

void XorAppender::WriteValue(double v, double last, BitStage* bits) {
  const uint64_t diff = std::bit_cast<uint64_t>(v) ^ std::bit_cast<uint64_t>(last);
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

bool XorAppender::Append(model::Sample sample, model::Sample last) {
  if (num_samples_ >= kMaxSamples || bits_.size() >= kMaxBytes) return false;
  if (num_samples_ == 0) {
    Start(sample);
  } else {
    DCHECK(sample.t > last.t);
    const int64_t delta = Minus(sample.t, last.t);  // Negative where it takes all 64 bits.
    if (delta < 0 || delta > kMaxGapMs) return false;
    BitStage bits(static_cast<unsigned char>(bits_.back()), free_bits_);
    if (num_samples_ == 1) {
      std::string varint;
      base::AppendVarint(&varint, static_cast<uint64_t>(delta));
      for (const char c : varint) bits.Bits(static_cast<unsigned char>(c), 8);
    } else {
      WriteTimeDelta(&bits, Minus(delta, last_delta_ms_));
    }
    last_delta_ms_ = static_cast<uint32_t>(delta);
    WriteValue(sample.v, last.v, &bits);
    if (free_bits_ > 0) bits_.Shrink(bits_.size() - 1);  // It comes again, fuller.
    bits_.append(bits.Finish());
    free_bits_ = static_cast<uint8_t>(bits.free_bits());
  }
  ++num_samples_;
  bits_[0] = 0;
  bits_[1] = static_cast<char>(num_samples_);
  return true;
}

ChunkView XorAppender::view(model::TimeMs last_t) const {
  model::TimeMs first = 0;
  if (num_samples_ > 0) {
    std::string_view bytes = bits_.view().substr(kHeaderBytes);
    CHECK(base::GetZigZag(&bytes, &first));
  }
  return {Encoding::kXor, {first, last_t}, num_samples_, bits_.view()};
}

std::string XorAppender::Seal() && {
  std::string bytes(bits_.view());
  *this = XorAppender();
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
