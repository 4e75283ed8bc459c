#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/model/sample.h"

namespace model {

// The numbers are written to disk.
enum class MetricType : uint8_t {
  kUnknown, kCounter, kGauge, kHistogram, kGaugeHistogram, kSummary, kInfo, kStateset
};
inline constexpr int kMetricTypes = 8;

// As the API prints it: "counter", "gauge", "histogram", "gaugehistogram", ...
constexpr std::string_view ToString(MetricType type) {
  constexpr std::string_view kNames[] = {"unknown", "counter", "gauge", "histogram",
                                         "gaugehistogram", "summary", "info", "stateset"};
  return kNames[static_cast<int>(type)];
}

struct MetadataView {
  MetricType type = MetricType::kUnknown;
  std::string_view help, unit;
  bool empty() const { return type == MetricType::kUnknown && help.empty() && unit.empty(); }
};

struct Metadata {
  MetricType type = MetricType::kUnknown;
  std::string help, unit;
  friend bool operator==(const Metadata&, const Metadata&) = default;
  MetadataView view() const { return {type, help, unit}; }
};

// What a source says of a metric family, and when it was last heard.
struct FamilyMetadata {
  std::string family;
  Metadata metadata;
  TimeMs seen = 0;
  friend bool operator==(const FamilyMetadata&, const FamilyMetadata&) = default;
};

// The family of a series whose family has that type: "x" for x_bucket, x_sum and x_count of a
// histogram, and so on. Counters keep their _total.
constexpr std::string_view FamilyOf(std::string_view metric, MetricType type) {
  const auto without = [&](std::string_view suffix) {
    if (!metric.ends_with(suffix) || metric.size() == suffix.size()) return false;
    metric.remove_suffix(suffix.size());
    return true;
  };
  switch (type) {
    case MetricType::kHistogram:
      (void)(without("_bucket") || without("_sum") || without("_count"));
      break;
    case MetricType::kGaugeHistogram:
      (void)(without("_bucket") || without("_gsum") || without("_gcount"));
      break;
    case MetricType::kSummary:
      (void)(without("_sum") || without("_count"));
      break;
    default: break;
  }
  return metric;
}

}  // namespace model
