#include "storage/model/histogram_text.h"

#include <type_traits>

#include "storage/model/bucket_bounds.h"
#include "storage/model/number_text.h"

namespace model {
namespace {

void AppendCount(std::string* out, uint64_t n) { *out += fmt::format("{}", n); }
void AppendCount(std::string* out, double n) { AppendFloat(out, n, 'g'); }

template <class Count>
void AppendBucket(std::string* out, double lower, double upper, bool with_lower, bool with_upper,
                  Count n) {
  *out += with_lower ? ", [" : ", (";
  AppendFloat(out, lower, 'g');
  *out += ',';
  AppendFloat(out, upper, 'g');
  *out += with_upper ? "]:" : "):";
  AppendCount(out, n);
}

// Calls see(index, count) of each bucket of one side, ascending. Buckets that spans lack are not seen.
template <class Count, class Bucket, class See>
void ForEach(const std::vector<Span>& spans, const std::vector<Bucket>& buckets, const See& see) {
  int32_t index = 0;
  size_t i = 0;
  uint64_t sum = 0;  // Of differences.
  for (const Span& span : spans) {
    index += span.offset;
    for (uint32_t k = 0; k < span.length && i < buckets.size(); ++k, ++i, ++index) {
      if constexpr (std::is_same_v<Count, double>) {
        see(index, buckets[i]);
      } else {
        see(index, sum += static_cast<uint64_t>(buckets[i]));
      }
    }
  }
}

template <class Count, class Bucket>
std::string Text(const BasicHistogram<Count, Bucket>& h) {
  std::string out = "{count:";
  AppendCount(&out, h.count);
  out += ", sum:";
  AppendFloat(&out, h.sum, 'g');

  const auto bound = [&](int32_t index) { return BucketBound(index, h.schema, h.custom_values); };
  std::vector<std::string> negative;
  ForEach<Count>(h.negative_spans, h.negative_buckets, [&](int32_t index, Count n) {
    if (n == 0) return;
    const double lower = -bound(index), upper = -bound(index - 1);
    AppendBucket(&negative.emplace_back(), lower, upper, lower < 0, upper > 0, n);
  });
  for (auto it = negative.rbegin(); it != negative.rend(); ++it) out += *it;
  if (h.zero_count != 0) {
    AppendBucket(&out, -h.zero_threshold, h.zero_threshold, true, true, h.zero_count);
  }
  ForEach<Count>(h.positive_spans, h.positive_buckets, [&](int32_t index, Count n) {
    if (n == 0) return;
    const double lower = bound(index - 1), upper = bound(index);
    AppendBucket(&out, lower, upper, h.custom() ? index == 0 : lower < 0,
                 h.custom() || upper > 0, n);
  });
  out += '}';
  return out;
}

}  // namespace

std::string ToString(const AnyHistogram& h) {
  return std::visit([](const auto& x) { return Text(x); }, h);
}

}  // namespace model
