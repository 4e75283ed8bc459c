// Native histograms: how many observations fell into which bucket. Plain values.
//
// Bucket i of schema s (-4..8) reaches from 2^((i-1) * 2^-s), not included, to 2^(i * 2^-s); the
// negative side mirrors it; what lies closer to zero is in the zero bucket. In schema -53 positive
// bucket i ends at custom_values[i], the one behind the last at infinity, and there is nothing else.
// Spans say which buckets there are: the first `offset` is an index, the others are gaps.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include <absl/status/status.h>

#include "storage/model/sample.h"

namespace model {

struct Span {
  int32_t offset = 0;
  uint32_t length = 0;
  friend bool operator==(const Span&, const Span&) = default;
};

// What is known about a counter's reset between the sample before and this one.
enum class ResetHint : uint8_t { kUnknown = 0, kReset = 1, kNotReset = 2, kGauge = 3 };

inline constexpr int32_t kMinSchema = -4, kMaxSchema = 8, kCustomBuckets = -53;
// Senders may use finer ones than we keep, up to here: see ReduceResolution.
inline constexpr int32_t kMinKnownSchema = -9, kMaxKnownSchema = 52;
inline bool IsKnownSchema(int32_t s) {
  return s == kCustomBuckets || (s >= kMinKnownSchema && s <= kMaxKnownSchema);
}

template <class Count, class Bucket>
struct BasicHistogram {
  ResetHint hint = ResetHint::kUnknown;
  int32_t schema = 0;
  double zero_threshold = 0;
  Count zero_count = 0, count = 0;
  double sum = 0;
  std::vector<Span> positive_spans, negative_spans;
  std::vector<Bucket> positive_buckets, negative_buckets;
  std::vector<double> custom_values;

  bool stale() const { return IsStaleNan(sum); }  // The other fields do not count then.
  bool custom() const { return schema == kCustomBuckets; }

  // kInvalidArgument in Prometheus' words when fields contradict each other.
  absl::Status Validate() const;
  // To the coarser `target`: several buckets become one. kInvalidArgument when it is not coarser,
  // for custom buckets, or when spans and buckets do not fit.
  absl::Status ReduceResolution(int32_t target);
};

// Of integers: the first bucket is a count, each other the difference to the one before.
using Histogram = BasicHistogram<uint64_t, int64_t>;
using FloatHistogram = BasicHistogram<double, double>;  // Buckets are counts.
using AnyHistogram = std::variant<Histogram, FloatHistogram>;

FloatHistogram ToFloat(const Histogram& h);

// Everything but the hint, floats by their bits.
bool SameBits(const Histogram& a, const Histogram& b);
bool SameBits(const FloatHistogram& a, const FloatHistogram& b);
bool SameBits(const AnyHistogram& a, const AnyHistogram& b);

inline ResetHint HintOf(const AnyHistogram& h) {
  return std::visit([](const auto& x) { return x.hint; }, h);
}
inline bool IsStale(const AnyHistogram& h) {
  return std::visit([](const auto& x) { return x.stale(); }, h);
}
inline absl::Status Validate(const AnyHistogram& h) {
  return std::visit([](const auto& x) { return x.Validate(); }, h);
}

extern template struct BasicHistogram<uint64_t, int64_t>;
extern template struct BasicHistogram<double, double>;

}  // namespace model
