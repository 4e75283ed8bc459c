// Gorilla floats (Pelkonen et al., VLDB 2015) in Prometheus' bit layout (tsdb/docs/format/chunks.md):
// 2 bytes big-endian count; first time as zigzag varint, first value raw; second time as uvarint
// delta; then delta-of-delta times in 1/14/17/20/64-bit buckets and XORed values.
#pragma once

#include <cstdint>
#include <string>

#include "storage/base/tight_buffer.h"
#include "storage/chunk/chunk.h"

namespace chunk {

class BitStage;

// The open end of one float series, whose owner keeps the sample that came last. Movable; one per
// series in the head, so it is small. Not thread-safe.
class XorAppender {
 public:
  static constexpr int kMaxSamples = 120;
  static constexpr size_t kMaxBytes = 1024;
  static constexpr int64_t kMaxGapMs = UINT32_MAX;  // 49 days.

  // `last`: what was appended before this; of no matter when empty(). False when full (kMaxSamples or
  // kMaxBytes) or when the gap is too wide: nothing is written; seal and start another.
  // Requires a time later than the one before.
  [[nodiscard]] bool Append(model::Sample sample, model::Sample last);

  bool empty() const { return num_samples_ == 0; }
  int num_samples() const { return num_samples_; }
  // The first `num_samples()` samples, up to `last_t`; valid until the next Append. The count header
  // inside the bytes is written too.
  ChunkView view(model::TimeMs last_t) const;
  std::string Seal() &&;  // The final bytes. Leaves it empty.
  size_t heap_bytes() const { return bits_.heap_bytes(); }

 private:
  void Start(model::Sample sample);
  void WriteValue(double v, double last, BitStage* bits);

  base::TightBuffer bits_;
  uint32_t last_delta_ms_ = 0;
  uint8_t num_samples_ = 0;
  uint8_t leading_zeros_ = 0xff, trailing_zeros_ = 0;
  uint8_t free_bits_ = 0;  // Unused low bits of the last byte.
};
static_assert(XorAppender::kMaxSamples <= UINT8_MAX);

class XorEncoder {  // One that keeps the last sample itself.
 public:
  [[nodiscard]] bool Append(model::Sample sample) {
    if (!end_.Append(sample, last_)) return false;
    last_ = sample;
    return true;
  }
  bool empty() const { return end_.empty(); }
  ChunkView view() const { return end_.view(last_.t); }
  std::string Seal() && { return std::move(end_).Seal(); }

 private:
  XorAppender end_;
  model::Sample last_;
};

}  // namespace chunk
