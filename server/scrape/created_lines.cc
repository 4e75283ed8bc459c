#include "server/scrape/created_lines.h"

#include <limits>

#include "server/scrape/exposition.h"
#include "server/scrape/openmetrics_parser.h"

namespace server {
namespace {

constexpr std::string_view kCreated = "_created";

// Who a line is of: its name, cut to `name_size`, and its labels but those that tell apart the
// samples of one histogram or summary.
std::string KeyOf(const ExposedLabels& labels, size_t name_size, model::MetricType type) {
  std::string key = labels.front().second.substr(0, name_size);
  for (size_t i = 1; i < labels.size(); ++i) {
    const auto& [name, value] = labels[i];
    if (type == model::MetricType::kSummary && name == "quantile") continue;
    if (type == model::MetricType::kHistogram && name == "le") continue;
    key.append(1, '\xff').append(name).append(1, '\xff').append(value);
  }
  return key;
}

}  // namespace

bool HasStart(model::MetricType type) {
  return type == model::MetricType::kCounter || type == model::MetricType::kSummary ||
         type == model::MetricType::kHistogram;
}

bool IsCreatedLine(std::string_view series, model::MetricType type) {
  if (!HasStart(type)) return false;
  if (!series.starts_with('{')) return series.substr(0, series.find('{')).ends_with(kCreated);
  ExposedLabels labels;
  ParseSeriesText(series, type, &labels);
  return labels.front().second.ends_with(kCreated);
}

void CreatedLines::Scan(model::MetricType type, size_t from) {
  scanned_from_ = from;
  ahead_.clear();
  OpenMetricsParser parser(page_.substr(from), type);
  size_t at = 0;
  while (parser.Next() == Entry::kSeries) {
    if (!IsCreatedLine(parser.series(), type)) {
      at = parser.position();
      continue;
    }
    ExposedLabels labels;
    ParseSeriesText(parser.series(), type, &labels);
    ahead_ = KeyOf(labels, labels.front().second.size() - kCreated.size(), type);
    const double ms = parser.value() * 1000;
    ahead_ms_ = ms > -9.2e18 && ms < 9.2e18 ? static_cast<int64_t>(ms) : 0;
    break;
  }
  scanned_to_ = from + at;
}

int64_t CreatedLines::Find(std::string_view series, size_t family_size, model::MetricType type,
                           size_t next_line) {
  if (!HasStart(type)) {
    found_ms_ = 0;
    return 0;
  }
  ExposedLabels labels;
  ParseSeriesText(series, type, &labels);
  std::string key = KeyOf(labels, family_size, type);
  if (found_ms_ > 0 && key == found_) return found_ms_;
  if (next_line < scanned_from_ || next_line > scanned_to_) Scan(type, next_line);
  const bool mine = !ahead_.empty() && key == ahead_;
  found_ms_ = mine ? ahead_ms_ : 0;
  found_ = std::move(key);
  return found_ms_;
}

}  // namespace server
