#include "storage/model/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "storage/base/status.h"
#include "storage/model/number_text.h"

namespace model {
namespace {

int64_t Plus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
int64_t Minus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
double Plus(double a, double b) { return a + b; }

std::string Text(int64_t n) { return fmt::format("{}", n); }
std::string Text(double v) { return FormatFloat(v, 'g'); }  // As Go's %v.

absl::Status Mismatch(uint64_t need, size_t have) {
  return base::InvalidArgument("spans need {} buckets, have {} buckets: histogram spans specify "
                               "different number of buckets than provided",
                               need, have);
}

absl::Status CheckSpans(const std::vector<Span>& spans, size_t num_buckets) {
  uint64_t need = 0;
  for (size_t i = 0; i < spans.size(); ++i) {
    if (i > 0 && spans[i].offset < 0) {
      return base::InvalidArgument(
          "span number {} with offset {}: histogram has a span whose offset is negative", i + 1,
          spans[i].offset);
    }
    need += spans[i].length;
  }
  return need == num_buckets ? absl::OkStatus() : Mismatch(need, num_buckets);
}

absl::Status CheckBounds(const std::vector<double>& bounds, const std::vector<Span>& spans,
                         size_t num_buckets) {
  double before = -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < bounds.size(); ++i) {
    if (std::isnan(bounds[i])) {
      return base::InvalidArgument("histogram custom bounds must not be NaN");
    }
    if (i > 0 && bounds[i] <= before) {
      return base::InvalidArgument("previous bound is {:f} and current is {:f}: histogram custom "
                                   "bounds must be in strictly increasing order",
                                   before, bounds[i]);
    }
    before = bounds[i];
  }
  if (before == std::numeric_limits<double>::infinity()) {
    return base::InvalidArgument("last +Inf bound must not be explicitly defined: histogram custom "
                                 "bounds must be finite");
  }
  uint64_t need = 0, reach = 0;
  for (size_t i = 0; i < spans.size(); ++i) {
    if (spans[i].offset < 0) {
      return base::InvalidArgument(
          "span number {} with offset {}: histogram has a span whose offset is negative", i + 1,
          spans[i].offset);
    }
    need += spans[i].length;
    reach += spans[i].length + static_cast<uint64_t>(spans[i].offset);
  }
  if (need != num_buckets) return Mismatch(need, num_buckets);
  if (bounds.size() + 1 < reach) {
    return base::InvalidArgument("only {} custom bounds defined which is insufficient to cover total "
                                 "span length of {}: histogram custom bounds are too few",
                                 bounds.size(), reach);
  }
  return absl::OkStatus();
}

// Adds up the buckets.
template <class Count, class Bucket>
absl::Status CheckBuckets(const std::vector<Bucket>& buckets, Count* sum) {
  Bucket count = 0;
  for (size_t i = 0; i < buckets.size(); ++i) {
    count = std::is_integral_v<Bucket> ? Plus(count, buckets[i]) : buckets[i];
    if (count < 0) {
      return base::InvalidArgument("bucket number {} has observation count of {}: histogram has a "
                                   "bucket whose observation count is negative",
                                   i + 1, Text(count));
    }
    *sum += static_cast<Count>(count);
  }
  return absl::OkStatus();
}

absl::Status Side(std::string_view side, const absl::Status& status) {
  return status.ok() ? status : base::Annotate(status, side);
}

absl::Status CheckSum(const Histogram& h, uint64_t in_buckets) {
  if (std::isnan(h.sum)) {  // NaN is counted, but in no bucket.
    if (in_buckets <= h.count) return absl::OkStatus();
    return base::InvalidArgument("{} observations found in buckets, but the Count field is {}: "
                                 "histogram's observation count should be at least the number of "
                                 "observations found in the buckets",
                                 in_buckets, h.count);
  }
  if (in_buckets == h.count) return absl::OkStatus();
  return base::InvalidArgument("{} observations found in buckets, but the Count field is {}: "
                               "histogram's observation count should equal the number of "
                               "observations found in the buckets (in absence of NaN)",
                               in_buckets, h.count);
}
absl::Status CheckSum(const FloatHistogram&, double) { return absl::OkStatus(); }

// One side of ReduceResolution, by `shift` schemas.
template <class Bucket>
void Reduce(int shift, std::vector<Span>* spans, std::vector<Bucket>* buckets) {
  std::vector<Span> new_spans;
  std::vector<Bucket> counts;  // As counts, of integers too.
  int64_t index = 0, last = 0;
  size_t at = 0;
  Bucket count = 0;
  for (const Span& span : *spans) {
    index += span.offset;
    for (uint32_t i = 0; i < span.length; ++i, ++index) {
      const Bucket bucket = (*buckets)[at++];
      count = std::is_integral_v<Bucket> ? Plus(count, bucket) : bucket;
      // Index 1 of schema 0 holds indices 1 and 2 of schema 1.
      const int64_t target = ((index - 1) >> std::min(shift, 62)) + 1;
      if (!counts.empty() && target == last) {
        counts.back() = Plus(counts.back(), count);
        continue;
      }
      if (!counts.empty() && target == last + 1) {
        ++new_spans.back().length;
      } else {
        const int64_t offset = counts.empty() ? target : target - last - 1;
        new_spans.push_back({static_cast<int32_t>(offset), 1});
      }
      counts.push_back(count);
      last = target;
    }
  }
  if constexpr (std::is_integral_v<Bucket>) {
    for (size_t i = counts.size(); i-- > 1;) counts[i] = Minus(counts[i], counts[i - 1]);
  }
  *spans = std::move(new_spans);
  *buckets = std::move(counts);
}

bool Same(double a, double b) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); }
bool Same(uint64_t a, uint64_t b) { return a == b; }
bool Same(int64_t a, int64_t b) { return a == b; }
template <class T>
bool Same(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!Same(a[i], b[i])) return false;
  }
  return true;
}

template <class H>
bool SameHistogram(const H& a, const H& b) {
  return a.schema == b.schema && Same(a.zero_threshold, b.zero_threshold) &&
         Same(a.zero_count, b.zero_count) && Same(a.count, b.count) && Same(a.sum, b.sum) &&
         a.positive_spans == b.positive_spans && a.negative_spans == b.negative_spans &&
         Same(a.positive_buckets, b.positive_buckets) &&
         Same(a.negative_buckets, b.negative_buckets) && Same(a.custom_values, b.custom_values);
}

std::vector<double> ToCounts(const std::vector<int64_t>& deltas) {
  std::vector<double> counts;
  counts.reserve(deltas.size());
  double count = 0;
  for (const int64_t delta : deltas) counts.push_back(count += static_cast<double>(delta));
  return counts;
}

}  // namespace

template <class Count, class Bucket>
absl::Status BasicHistogram<Count, Bucket>::Validate() const {
  Count in_buckets = 0;
  if (custom()) {
    RETURN_IF_ERROR(Side("custom buckets",
                         CheckBounds(custom_values, positive_spans, positive_buckets.size())));
    if (zero_count != 0) {
      return base::InvalidArgument("custom buckets: must have zero count of 0");
    }
    if (zero_threshold != 0) {
      return base::InvalidArgument("custom buckets: must have zero threshold of 0");
    }
    if (!negative_spans.empty()) {
      return base::InvalidArgument("custom buckets: must not have negative spans");
    }
    if (!negative_buckets.empty()) {
      return base::InvalidArgument("custom buckets: must not have negative buckets");
    }
  } else if (schema >= kMinSchema && schema <= kMaxSchema) {
    RETURN_IF_ERROR(Side("positive side", CheckSpans(positive_spans, positive_buckets.size())));
    RETURN_IF_ERROR(Side("negative side", CheckSpans(negative_spans, negative_buckets.size())));
    RETURN_IF_ERROR(Side("negative side", CheckBuckets(negative_buckets, &in_buckets)));
    if constexpr (!std::is_integral_v<Count>) {
      if (zero_count < 0) {
        return base::InvalidArgument("zero bucket has observation count of {}: histogram has a "
                                     "bucket whose observation count is negative",
                                     Text(zero_count));
      }
    }
    if (!custom_values.empty()) {
      return base::InvalidArgument("histogram with exponential schema must not have custom bounds");
    }
  } else {
    return base::InvalidArgument("histogram has an invalid schema, which must be between {} and {} "
                                 "for exponential buckets, or {} for custom buckets, got schema {}",
                                 kMinSchema, kMaxSchema, kCustomBuckets, schema);
  }
  if constexpr (!std::is_integral_v<Count>) {
    if (count < 0) {
      return base::InvalidArgument(
          "observation count is  {}: histogram's observation count is negative", Text(count));
    }
  }
  RETURN_IF_ERROR(Side("positive side", CheckBuckets(positive_buckets, &in_buckets)));
  return CheckSum(*this, in_buckets + zero_count);
}

template <class Count, class Bucket>
absl::Status BasicHistogram<Count, Bucket>::ReduceResolution(int32_t target) {
  if (custom()) {
    return base::InvalidArgument("cannot reduce resolution when there are custom buckets");
  }
  if (target >= schema || target == kCustomBuckets) {
    return base::InvalidArgument("cannot reduce resolution from schema {} to {}", schema, target);
  }
  RETURN_IF_ERROR(CheckSpans(positive_spans, positive_buckets.size()));
  RETURN_IF_ERROR(CheckSpans(negative_spans, negative_buckets.size()));
  Reduce(schema - target, &positive_spans, &positive_buckets);
  Reduce(schema - target, &negative_spans, &negative_buckets);
  schema = target;
  return absl::OkStatus();
}

template struct BasicHistogram<uint64_t, int64_t>;
template struct BasicHistogram<double, double>;

FloatHistogram ToFloat(const Histogram& h) {
  FloatHistogram f;
  f.hint = h.hint;
  f.schema = h.schema;
  f.zero_threshold = h.zero_threshold;
  f.zero_count = static_cast<double>(h.zero_count);
  f.count = static_cast<double>(h.count);
  f.sum = h.sum;
  f.positive_spans = h.positive_spans;
  f.negative_spans = h.negative_spans;
  f.positive_buckets = ToCounts(h.positive_buckets);
  f.negative_buckets = ToCounts(h.negative_buckets);
  f.custom_values = h.custom_values;
  return f;
}

bool SameBits(const Histogram& a, const Histogram& b) { return SameHistogram(a, b); }
bool SameBits(const FloatHistogram& a, const FloatHistogram& b) { return SameHistogram(a, b); }
bool SameBits(const AnyHistogram& a, const AnyHistogram& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&](const auto& x) { return SameHistogram(x, std::get<std::decay_t<decltype(x)>>(b)); }, a);
}

}  // namespace model
