// Histograms out of the bytes of a chunk, one after the other.
#pragma once

#include <string_view>
#include <vector>

#include <absl/status/status.h>

#include "storage/chunk/bit_stream.h"
#include "storage/chunk/varbit.h"
#include "storage/model/histogram.h"

namespace chunk {

// The third byte of a histogram chunk: how its first sample follows what was before.
enum class HistogramHeader : uint8_t {
  kUnknown = 0x00, kNotReset = 0x40, kReset = 0x80, kGauge = 0xc0
};

inline constexpr size_t kHistogramHeaderBytes = 3;

// What is kept beside the last histogram for writing, or reading, the next.
template <class H>
struct HistogramDeltas;
template <>
struct HistogramDeltas<model::Histogram> {
  int64_t count = 0, zero_count = 0;
  std::vector<int64_t> positive, negative;
  XorWindow sum;
};
template <>
struct HistogramDeltas<model::FloatHistogram> {
  XorWindow count, zero_count, sum;
  std::vector<XorWindow> positive, negative;
};

// Bytes are never read past their end, whatever they hold. H: Histogram or FloatHistogram.
template <class H>
class HistogramReader {
 public:
  // `bytes` must outlive it.
  explicit HistogramReader(std::string_view bytes);

  // False when the bytes end early or make no sense: error() says how.
  bool Next();
  model::TimeMs time() const { return t_; }
  // The hint is that of the chunk. A stale one has nothing but its sum.
  H at() const;
  HistogramHeader header() const { return header_; }
  const std::string& error() const { return error_; }

 private:
  bool ReadLayout();
  bool ReadSpans(std::vector<model::Span>* spans);
  bool ReadCustomValues();
  bool Fail(std::string error) {
    error_ = std::move(error);
    return false;
  }
  void ReadFirst();
  void ReadNext();

  const size_t num_bits_;
  BitReader bits_;
  HistogramHeader header_ = HistogramHeader::kUnknown;
  std::string error_;
  int num_read_ = 0;
  model::TimeMs t_ = 0;
  int64_t t_delta_ = 0;
  H last_;
  HistogramDeltas<H> deltas_;
};

extern template class HistogramReader<model::Histogram>;
extern template class HistogramReader<model::FloatHistogram>;

}  // namespace chunk
