#pragma once

#include <string>
#include <string_view>

namespace model {

enum class MetricType {
  kUnknown, kCounter, kGauge, kHistogram, kGaugeHistogram, kSummary, kInfo, kStateset
};

// As the API prints it: "counter", "gauge", "histogram", "gaugehistogram", ...
constexpr std::string_view ToString(MetricType type) {
  constexpr std::string_view kNames[] = {"unknown", "counter", "gauge", "histogram",
                                         "gaugehistogram", "summary", "info", "stateset"};
  return kNames[static_cast<int>(type)];
}

struct Metadata {
  MetricType type = MetricType::kUnknown;
  std::string help, unit;
  friend bool operator==(const Metadata&, const Metadata&) = default;
};

}  // namespace model
