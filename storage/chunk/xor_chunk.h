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

// The open end of one float series. Movable; 1 per series in the head, so it is kept small.
// Not thread-safe.
class XorEncoder {
 public:
  static constexpr int kMaxSamples = 120;
  static constexpr size_t kMaxBytes = 1024;

  // False when full (kMaxSamples or kMaxBytes): nothing is written; seal and start another.
  // Requires a time later than the one before.
  [[nodiscard]] bool Append(model::Sample sample);

  bool empty() const { return num_samples_ == 0; }
  int num_samples() const { return num_samples_; }
  model::Sample last() const { return {last_t_, last_v_}; }
  // The first `num_samples()` samples; valid until the next Append. The count header inside the
  // bytes is written too.
  ChunkView view() const;
  std::string Seal() &&;  // The final bytes. Leaves the encoder empty.
  size_t heap_bytes() const { return bits_.heap_bytes(); }

 private:
  void Start(model::Sample sample);
  void WriteValue(double v, BitStage* bits);

  base::TightBuffer bits_;
  model::TimeMs last_t_ = 0;
  double last_v_ = 0;
  int64_t last_delta_ms_ = 0;
  uint16_t num_samples_ = 0;
  uint8_t leading_zeros_ = 0xff, trailing_zeros_ = 0;
  uint8_t free_bits_ = 0;  // Unused low bits of the last byte.
};

}  // namespace chunk
