// Windows of time: where blocks begin and end.
#pragma once

#include <vector>

#include "storage/model/sample.h"

namespace model {

inline constexpr int64_t kHourMs = 3600 * 1000, kDayMs = 24 * kHourMs;

// Start of the window of `width_ms` that `t` lies in; also before the epoch.
TimeMs WindowStart(TimeMs t, int64_t width_ms);

// Spans that cover all time, in order, so that what lies in `range` is cut at each midnight (UTC); but
// not where less than an hour of it would be left on a side. There are 64 at the most: of more days
// each has several, and is cut when it is looked at again.
std::vector<TimeRange> CutByDay(TimeRange range);

}  // namespace model
