// What functions of counters share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "promql/kernels/starts.h"
#include "storage/chunk/chunk.h"

namespace promql::kernels {

// As Go's Duration.Seconds: whole seconds and the rest apart.
inline double Seconds(int64_t ms) {
  return static_cast<double>(ms / 1000) + static_cast<double>(ms % 1000) / 1000;
}

// Where `values` falls: indices of samples lower than the one before. NaN never does.
void FindResets(const std::vector<double>& values, std::vector<size_t>* resets);

// The same of samples with starts: where `values` falls or the counter began anew.
inline void FindResets(const chunk::SampleColumns& samples, std::span<const model::TimeMs> starts,
                       std::vector<size_t>* resets) {
  resets->clear();
  for (size_t i = 1; i < samples.size(); ++i) {
    if (samples.values[i] < samples.values[i - 1] || BeganBefore(samples.times, starts, i)) {
      resets->push_back(i);
    }
  }
}

}  // namespace promql::kernels
