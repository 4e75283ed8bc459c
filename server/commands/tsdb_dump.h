// tidemark tsdb dump.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

#include "storage/model/matcher.h"
#include "storage/querier.h"

namespace server {

enum class DumpFormat { kProm, kSeriesJson };

// The samples in `range` of the series that satisfy any of the matcher sets, in label order, each series
// once, as `promtool tsdb dump` prints them; or only the labels of each. Memory: one series' samples.
absl::Status Dump(storage::Querier* querier, std::span<const std::vector<model::Matcher>> sets,
                  model::TimeRange range, DumpFormat format,
                  const std::function<bool(std::string_view)>& write);

}  // namespace server
