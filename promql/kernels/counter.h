// What functions of counters share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace promql::kernels {

// As Go's Duration.Seconds: whole seconds and the rest apart.
inline double Seconds(int64_t ms) {
  return static_cast<double>(ms / 1000) + static_cast<double>(ms % 1000) / 1000;
}

// Where `values` falls: indices of samples lower than the one before. NaN never does.
inline void FindResets(const std::vector<double>& values, std::vector<size_t>* resets) {
  resets->clear();
  for (size_t i = 1; i < values.size(); ++i) {
    if (values[i] < values[i - 1]) resets->push_back(i);
  }
}

}  // namespace promql::kernels
