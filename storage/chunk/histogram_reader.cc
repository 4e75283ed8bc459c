#include "storage/chunk/histogram_reader.h"

#include <cmath>
#include <type_traits>

#include "storage/base/status.h"
#include "storage/chunk/bucket_layout.h"
#include "storage/chunk/histogram_columns.h"

namespace chunk {
namespace {

int64_t Plus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

double ReadDouble(BitReader* bits) { return std::bit_cast<double>(bits->Bits(64)); }

double ReadZeroThreshold(BitReader* bits) {
  const uint64_t byte = bits->Bits(8);
  if (byte == 0) return 0;
  if (byte == 255) return ReadDouble(bits);
  return std::ldexp(0.5, static_cast<int>(byte) - 243);  // A power of two, the usual case.
}

// Adds the change of a change.
void Step(BitReader* bits, int64_t* delta, int64_t* value) {
  *delta = Plus(*delta, ReadVarbitInt(bits));
  *value = Plus(*value, *delta);
}
void Step(BitReader* bits, int64_t* delta, uint64_t* value) {
  *delta = Plus(*delta, ReadVarbitInt(bits));
  *value += static_cast<uint64_t>(*delta);
}
void Step(BitReader* bits, XorWindow* window, double* value) {
  *value = ReadXor(bits, *value, window);
}

void First(BitReader* bits, uint64_t* value) { *value = ReadVarbitUint(bits); }
void First(BitReader* bits, int64_t* value) { *value = ReadVarbitInt(bits); }
void First(BitReader* bits, double* value) { *value = ReadDouble(bits); }

std::string_view HeadlessBytes(std::string_view bytes) {
  return bytes.substr(std::min(kHistogramHeaderBytes, bytes.size()));
}

}  // namespace

template <class H>
HistogramReader<H>::HistogramReader(std::string_view bytes)
    : num_bits_(bytes.size() * 8), bits_(HeadlessBytes(bytes)) {
  if (bytes.size() < kHistogramHeaderBytes) {
    error_ = "no header";
  } else {
    header_ = static_cast<HistogramHeader>(bytes[2] & 0xc0);
  }
}

// Nothing can say more things than there are bits.
template <class H>
bool HistogramReader<H>::ReadSpans(std::vector<model::Span>* spans) {
  const uint64_t n = ReadVarbitUint(&bits_);
  if (n > num_bits_) return Fail("too many spans");
  for (uint64_t i = 0; i < n && !bits_.failed(); ++i) {
    const auto length = static_cast<uint32_t>(ReadVarbitUint(&bits_));
    const auto offset = static_cast<int32_t>(ReadVarbitInt(&bits_));
    spans->push_back({offset, length});
  }
  if (CountBuckets(*spans) > num_bits_) return Fail("too many buckets");
  return true;
}

template <class H>
bool HistogramReader<H>::ReadCustomValues() {
  const uint64_t n = ReadVarbitUint(&bits_);
  if (n > num_bits_) return Fail("too many custom bounds");
  for (uint64_t i = 0; i < n && !bits_.failed(); ++i) {
    const uint64_t thousandths = ReadVarbitUint(&bits_);
    last_.custom_values.push_back(thousandths == 0 ? ReadDouble(&bits_)
                                                   : static_cast<double>(thousandths - 1) / 1000);
  }
  return true;
}

template <class H>
bool HistogramReader<H>::ReadLayout() {
  last_.zero_threshold = ReadZeroThreshold(&bits_);
  last_.schema = static_cast<int32_t>(ReadVarbitInt(&bits_));
  if (!ReadSpans(&last_.positive_spans) || !ReadSpans(&last_.negative_spans)) return false;
  if (last_.custom() && !ReadCustomValues()) return false;
  if (!model::IsKnownSchema(last_.schema)) {
    return Fail(fmt::format("unknown schema {}", last_.schema));
  }
  return true;
}

template <class H>
void HistogramReader<H>::ReadFirst() {
  t_ = ReadVarbitInt(&bits_);
  First(&bits_, &last_.count);
  First(&bits_, &last_.zero_count);
  last_.sum = ReadDouble(&bits_);
  last_.positive_buckets.resize(CountBuckets(last_.positive_spans));
  last_.negative_buckets.resize(CountBuckets(last_.negative_spans));
  deltas_.positive.resize(last_.positive_buckets.size());
  deltas_.negative.resize(last_.negative_buckets.size());
  for (auto& bucket : last_.positive_buckets) First(&bits_, &bucket);
  for (auto& bucket : last_.negative_buckets) First(&bits_, &bucket);
}

template <class H>
void HistogramReader<H>::ReadNext() {
  Step(&bits_, &t_delta_, &t_);
  Step(&bits_, &deltas_.count, &last_.count);
  Step(&bits_, &deltas_.zero_count, &last_.zero_count);
  Step(&bits_, &deltas_.sum, &last_.sum);
  if (last_.stale()) return;
  for (size_t i = 0; i < last_.positive_buckets.size(); ++i) {
    Step(&bits_, &deltas_.positive[i], &last_.positive_buckets[i]);
  }
  for (size_t i = 0; i < last_.negative_buckets.size(); ++i) {
    Step(&bits_, &deltas_.negative[i], &last_.negative_buckets[i]);
  }
}

template <class H>
bool HistogramReader<H>::Next() {
  if (!error_.empty()) return false;
  if (num_read_ == 0) {
    if (!ReadLayout()) return false;
    ReadFirst();
  } else {
    ReadNext();
  }
  if (bits_.failed()) return Fail(fmt::format("bytes end in sample {}", num_read_));
  ++num_read_;
  return true;
}

template <class H>
H HistogramReader<H>::at() const {
  if (last_.stale()) {
    H stale;
    stale.sum = last_.sum;
    return stale;
  }
  H h = last_;
  if (header_ == HistogramHeader::kGauge) {
    h.hint = model::ResetHint::kGauge;
  } else if (num_read_ > 1) {
    h.hint = model::ResetHint::kNotReset;
  } else if (header_ == HistogramHeader::kReset) {
    h.hint = model::ResetHint::kReset;
  }
  return h;
}

template class HistogramReader<model::Histogram>;
template class HistogramReader<model::FloatHistogram>;

namespace {

template <class H>
absl::Status DecodeHistograms(const ChunkView& view, model::TimeRange range, FirstHint hint,
                              HistogramColumns* out) {
  HistogramReader<H> reader(view.bytes);
  for (int i = 0; i < view.num_samples; ++i) {
    if (!reader.Next()) {
      return base::DataLoss("chunk: sample {} of {}: {}", i, view.num_samples, reader.error());
    }
    if (reader.time() > range.max) break;
    if (reader.time() < range.min) continue;
    H h = reader.at();
    if (i == 0 && hint == FirstHint::kUnknown && h.hint == model::ResetHint::kReset) {
      h.hint = model::ResetHint::kUnknown;
    }
    // Of a newer program that keeps finer ones. Its spans fit its buckets, so this succeeds.
    if (!h.custom() && h.schema > model::kMaxSchema) {
      RETURN_IF_ERROR(h.ReduceResolution(model::kMaxSchema));
    }
    out->Add(reader.time(), std::move(h));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Decode(const ChunkView& view, model::TimeRange range, MixedColumns* out,
                    FirstHint hint) {
  switch (view.encoding) {
    case Encoding::kHistogram:
      return DecodeHistograms<model::Histogram>(view, range, hint, &out->histograms);
    case Encoding::kFloatHistogram:
      return DecodeHistograms<model::FloatHistogram>(view, range, hint, &out->histograms);
    default:
      return Decode(view, range, &out->floats);
  }
}

}  // namespace chunk
