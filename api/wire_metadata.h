// Metric types of remote write; 1.0 and 2.0 number them alike.
#pragma once

#include <array>
#include <cstddef>

#include "storage/model/metadata.h"

namespace api {

// kUnknown for numbers that nobody knows.
inline model::MetricType WireMetricType(int number) {
  using enum model::MetricType;
  constexpr std::array kTypes = {kUnknown, kCounter, kGauge, kHistogram, kGaugeHistogram, kSummary,
                                 kInfo, kStateset};
  const auto i = static_cast<size_t>(number);
  return i < kTypes.size() ? kTypes[i] : kUnknown;
}

}  // namespace api
