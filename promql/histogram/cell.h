// A native histogram as queries pass it on: shared, since one sample stands at many steps, and never
// changed once it is.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "storage/model/histogram.h"

namespace promql {

using HistogramPtr = std::shared_ptr<const model::FloatHistogram>;

inline HistogramPtr Share(model::FloatHistogram h) {
  return std::make_shared<const model::FloatHistogram>(std::move(h));
}

// How many float samples it counts as, in limits and statistics: as many as it is large.
inline int64_t SampleSize(const model::FloatHistogram& h) {
  constexpr size_t kFixed = 176, kSampleBytes = 16;
  const size_t words = h.positive_spans.size() + h.negative_spans.size() +
                       h.positive_buckets.size() + h.negative_buckets.size() +
                       h.custom_values.size();
  return static_cast<int64_t>((kFixed + 8 * words) / kSampleBytes);
}

// A histogram of one moment.
struct HistogramSample {
  model::TimeMs t = 0;
  HistogramPtr h;
};

// Those of one series: times ascend without repeats.
struct HistogramSamples {
  std::vector<model::TimeMs> times;
  std::vector<HistogramPtr> values;

  size_t size() const { return times.size(); }
  void clear() { times.clear(), values.clear(); }
  void Add(model::TimeMs t, HistogramPtr h) { times.push_back(t), values.push_back(std::move(h)); }
};

}  // namespace promql
