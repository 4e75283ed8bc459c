#include "storage/chunk/histogram_chunk.h"

#include <cmath>
#include <type_traits>

#include "storage/base/check.h"
#include "storage/chunk/histogram_columns.h"

namespace chunk {
namespace {

using model::ResetHint;

template <class H>
constexpr bool kIntegers = std::is_same_v<H, model::Histogram>;

int64_t Minus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

void PutDouble(BitWriter* bits, double v) { bits->Bits(std::bit_cast<uint64_t>(v), 64); }

// A power of two, as usual, takes a byte.
void PutZeroThreshold(BitWriter* bits, double threshold) {
  if (threshold == 0) return bits->Bits(0, 8);
  int exponent;
  const double fraction = std::frexp(threshold, &exponent);
  if (fraction == 0.5 && exponent >= -242 && exponent <= 11) {
    return bits->Bits(static_cast<uint64_t>(exponent + 243), 8);
  }
  bits->Bits(255, 8);
  PutDouble(bits, threshold);
}

void PutSpans(BitWriter* bits, const Spans& spans) {
  PutVarbitUint(bits, spans.size());
  for (const model::Span& span : spans) {
    PutVarbitUint(bits, span.length);
    PutVarbitInt(bits, span.offset);
  }
}

// Thousandths, when it is a whole number of them.
void PutBound(BitWriter* bits, double bound) {
  constexpr double kMaxThousandths = 33554430;
  const double thousandths = bound * 1000;
  if (thousandths >= 0 && thousandths <= kMaxThousandths) {
    const auto whole = static_cast<uint64_t>(std::round(thousandths));
    if (static_cast<double>(whole) / 1000 == bound) return PutVarbitUint(bits, whole + 1);
  }
  bits->Bit(false);
  PutDouble(bits, bound);
}

void First(BitWriter* bits, uint64_t v) { PutVarbitUint(bits, v); }
void First(BitWriter* bits, int64_t v) { PutVarbitInt(bits, v); }
void First(BitWriter* bits, double v) { PutDouble(bits, v); }

// The change of the change. `same_pace`: zero is written instead.
void Step(BitWriter* bits, int64_t v, int64_t last, int64_t* delta, bool same_pace = false) {
  const int64_t change = Minus(v, last);
  PutVarbitInt(bits, same_pace ? 0 : Minus(change, *delta));
  *delta = change;
}
void Step(BitWriter* bits, uint64_t v, uint64_t last, int64_t* delta, bool same_pace = false) {
  Step(bits, static_cast<int64_t>(v), static_cast<int64_t>(last), delta, same_pace);
}
void Step(BitWriter* bits, double v, double last, XorWindow* window, bool = false) {
  PutXor(bits, v, last, window);
}

bool SameBounds(const std::vector<double>& a, const std::vector<double>& b) { return a == b; }

}  // namespace

// Whether counters of the chunk may have become those of `h`.
template <class H>
typename TypedHistogramEncoder<H>::Fit TypedHistogramEncoder<H>::FitCounter(const H& h) const {
  constexpr Fit kReset{false, HistogramHeader::kReset};
  // Where nobody looked for a reset, integer chunks say so and float chunks say nothing.
  constexpr Fit kOther{false, HistogramHeader::kUnknown};
  if (header_ == HistogramHeader::kGauge) {
    return {false, kIntegers<H> ? HistogramHeader::kNotReset : HistogramHeader::kUnknown};
  }
  if (h.hint == ResetHint::kReset) return kReset;
  if (h.stale()) return {true, HistogramHeader::kNotReset};
  if (last_.stale()) return kOther;  // After a stale one come only stale ones.
  if (h.count < last_.count) return kReset;
  if (h.schema != last_.schema || h.zero_threshold != last_.zero_threshold) return kOther;
  if (h.custom() && !SameBounds(h.custom_values, last_.custom_values)) return kReset;
  if (h.zero_count < last_.zero_count) return kReset;
  if (!Grew(last_.positive_spans, last_.positive_buckets, h.positive_spans, h.positive_buckets) ||
      !Grew(last_.negative_spans, last_.negative_buckets, h.negative_spans, h.negative_buckets)) {
    return kReset;
  }
  return {true, HistogramHeader::kNotReset};
}

template <class H>
bool TypedHistogramEncoder<H>::FitGauge(const H& h) const {
  if (header_ != HistogramHeader::kGauge) return false;
  if (h.stale()) return true;
  return !last_.stale() && h.schema == last_.schema && h.zero_threshold == last_.zero_threshold &&
         (!h.custom() || SameBounds(h.custom_values, last_.custom_values));
}

template <class H>
HistogramHeader TypedHistogramEncoder<H>::FirstHeader(const H& h) const {
  if (next_header_) return *next_header_;
  if (h.hint == ResetHint::kGauge) return HistogramHeader::kGauge;
  if (h.hint == ResetHint::kReset) return HistogramHeader::kReset;
  if (!has_last_) return HistogramHeader::kUnknown;
  const HistogramHeader header = FitCounter(h).header;
  if (kIntegers<H> || header == HistogramHeader::kReset) return header;
  return HistogramHeader::kNotReset;
}

template <class H>
bool TypedHistogramEncoder<H>::Append(model::TimeMs t, const H& h) {
  if (num_ == 0) {
    Begin(FirstHeader(h));
    Put(t, h);
    return true;
  }
  DCHECK(t > t_);
  if (num_ >= kMaxHistograms || (num_ >= kMinHistograms && bytes_.size() >= kHistogramBytes)) {
    return false;
  }
  if (h.hint == ResetHint::kGauge) {
    if (!FitGauge(h)) {
      next_header_ = HistogramHeader::kGauge;
      return false;
    }
  } else if (const Fit fit = FitCounter(h); !fit.ok) {
    next_header_ = fit.header;
    return false;
  }
  AppendFitting(t, h);
  return true;
}

template <class H>
Spans TypedHistogramEncoder<H>::Common(const Spans& ours, const Spans& theirs, bool any_new,
                                       bool any_missing, bool gauge) const {
  if (!any_missing) return theirs;
  if (!any_new && !gauge) return ours;
  const Indices own = IndicesOf(ours), other = IndicesOf(theirs);
  if (!gauge && Includes(other, own)) return theirs;
  return SpansOf(UnionOf(own, other));
}

// Brings both to the same buckets: the chunk, when `h` has new ones, and `h`, when it lacks some.
template <class H>
void TypedHistogramEncoder<H>::AppendFitting(model::TimeMs t, const H& h) {
  if (h.stale() || (h.positive_spans == last_.positive_spans &&
                    h.negative_spans == last_.negative_spans)) {
    return Put(t, h);
  }
  const Indices positive = IndicesOf(last_.positive_spans), negative = IndicesOf(last_.negative_spans);
  const Indices h_positive = IndicesOf(h.positive_spans), h_negative = IndicesOf(h.negative_spans);
  const bool any_new = !Includes(positive, h_positive) || !Includes(negative, h_negative);
  const bool any_missing = !Includes(h_positive, positive) || !Includes(h_negative, negative);
  if (!any_new && !any_missing) return Put(t, h);  // The same, said in other words.
  const bool gauge = header_ == HistogramHeader::kGauge;
  H fitting = h;
  fitting.positive_spans =
      Common(last_.positive_spans, h.positive_spans, any_new, any_missing, gauge);
  fitting.negative_spans =
      Common(last_.negative_spans, h.negative_spans, any_new, any_missing, gauge);
  if (any_missing) {
    fitting.positive_buckets =
        MoveBuckets(h.positive_buckets, h_positive, IndicesOf(fitting.positive_spans));
    fitting.negative_buckets =
        MoveBuckets(h.negative_buckets, h_negative, IndicesOf(fitting.negative_spans));
  }
  if (any_new) Rewrite(fitting.positive_spans, fitting.negative_spans);
  Put(t, fitting);
}

template <class H>
void TypedHistogramEncoder<H>::Rewrite(const Spans& positive, const Spans& negative) {
  const Indices from_positive = IndicesOf(last_.positive_spans);
  const Indices from_negative = IndicesOf(last_.negative_spans);
  const Indices to_positive = IndicesOf(positive), to_negative = IndicesOf(negative);
  TypedHistogramEncoder fresh;
  fresh.Begin(header_);
  HistogramReader<H> reader(bytes_);
  for (int i = 0; i < num_; ++i) {
    CHECK(reader.Next());  // Our own bytes.
    H h = reader.at();
    h.positive_buckets = MoveBuckets(h.positive_buckets, from_positive, to_positive);
    h.negative_buckets = MoveBuckets(h.negative_buckets, from_negative, to_negative);
    h.positive_spans = positive;
    h.negative_spans = negative;
    fresh.Put(reader.time(), h);
  }
  *this = std::move(fresh);
}

template <class H>
void TypedHistogramEncoder<H>::Begin(HistogramHeader header) {
  bytes_.assign(kHistogramHeaderBytes, '\0');
  bytes_[2] = static_cast<char>(header);
  free_bits_ = 0;
  header_ = header;
  next_header_.reset();
  num_ = 0;
}

template <class H>
void TypedHistogramEncoder<H>::PutFirst(model::TimeMs t, const H& h, BitWriter* bits) {
  PutZeroThreshold(bits, h.zero_threshold);
  PutVarbitInt(bits, h.schema);
  PutSpans(bits, h.positive_spans);
  PutSpans(bits, h.negative_spans);
  if (h.custom()) {
    PutVarbitUint(bits, h.custom_values.size());
    for (const double bound : h.custom_values) PutBound(bits, bound);
  }
  PutVarbitInt(bits, t);
  First(bits, h.count);
  First(bits, h.zero_count);
  PutDouble(bits, h.sum);
  for (const auto bucket : h.positive_buckets) First(bits, bucket);
  for (const auto bucket : h.negative_buckets) First(bits, bucket);
  first_t_ = t;
  t_delta_ = 0;
  deltas_ = {};
  deltas_.positive.resize(h.positive_buckets.size());
  deltas_.negative.resize(h.negative_buckets.size());
}

template <class H>
void TypedHistogramEncoder<H>::PutNext(model::TimeMs t, const H& h, BitWriter* bits) {
  const bool stale = h.stale();
  Step(bits, t, t_, &t_delta_);
  Step(bits, h.count, last_.count, &deltas_.count, stale);
  Step(bits, h.zero_count, last_.zero_count, &deltas_.zero_count, stale);
  Step(bits, h.sum, last_.sum, &deltas_.sum);
  if (stale) return;
  for (size_t i = 0; i < h.positive_buckets.size(); ++i) {
    Step(bits, h.positive_buckets[i], last_.positive_buckets[i], &deltas_.positive[i]);
  }
  for (size_t i = 0; i < h.negative_buckets.size(); ++i) {
    Step(bits, h.negative_buckets[i], last_.negative_buckets[i], &deltas_.negative[i]);
  }
}

template <class H>
void TypedHistogramEncoder<H>::Put(model::TimeMs t, const H& h) {
  H stale;  // Of a stale one only the sum counts.
  stale.sum = h.sum;
  const H& written = h.stale() ? stale : h;
  BitWriter bits(&bytes_, &free_bits_);
  if (num_ == 0) {
    PutFirst(t, written, &bits);
    last_ = written;
  } else {
    PutNext(t, written, &bits);
    last_.count = written.count;
    last_.zero_count = written.zero_count;
    last_.sum = written.sum;
    if (!h.stale()) {
      last_.positive_buckets = written.positive_buckets;
      last_.negative_buckets = written.negative_buckets;
    }
  }
  has_last_ = true;
  t_ = t;
  ++num_;
  bytes_[0] = static_cast<char>(num_ >> 8);
  bytes_[1] = static_cast<char>(num_);
}

template <class H>
ChunkView TypedHistogramEncoder<H>::view() const {
  return {kIntegers<H> ? Encoding::kHistogram : Encoding::kFloatHistogram, {first_t_, t_}, num_,
          bytes_};
}

template <class H>
std::string TypedHistogramEncoder<H>::Seal() {
  num_ = 0;
  std::string bytes(bytes_);  // Without room to grow.
  bytes_ = {};
  return bytes;
}

template <class H>
size_t TypedHistogramEncoder<H>::heap_bytes() const {
  if (empty()) return 0;
  const size_t buckets = last_.positive_buckets.size() + last_.negative_buckets.size();
  const size_t spans = last_.positive_spans.size() + last_.negative_spans.size();
  return bytes_.capacity() + buckets * 16 + spans * sizeof(model::Span) +
         last_.custom_values.size() * 8;
}

template class TypedHistogramEncoder<model::Histogram>;
template class TypedHistogramEncoder<model::FloatHistogram>;

bool HistogramEncoder::Append(model::TimeMs t, const model::AnyHistogram& h) {
  if (h.index() != encoder_.index()) {
    if (!empty()) return false;
    if (h.index() == 0) {
      encoder_.emplace<0>();
    } else {
      encoder_.emplace<1>();
    }
  }
  return std::visit(
      [&](auto& encoder) {
        using H = std::decay_t<decltype(encoder)>;
        if constexpr (std::is_same_v<H, TypedHistogramEncoder<model::Histogram>>) {
          return encoder.Append(t, std::get<model::Histogram>(h));
        } else {
          return encoder.Append(t, std::get<model::FloatHistogram>(h));
        }
      },
      encoder_);
}

std::vector<OwnedChunk> Encode(const HistogramColumns& columns) {
  std::vector<OwnedChunk> chunks;
  HistogramEncoder encoder;
  const auto seal = [&] {
    OwnedChunk& chunk = chunks.emplace_back();
    chunk.without_bytes = encoder.view();
    chunk.without_bytes.bytes = {};
    chunk.bytes = encoder.Seal();
  };
  for (size_t i = 0; i < columns.size(); ++i) {
    if (encoder.Append(columns.times[i], columns.values[i])) continue;
    seal();
    CHECK(encoder.Append(columns.times[i], columns.values[i]));
  }
  if (!encoder.empty()) seal();
  return chunks;
}

}  // namespace chunk
