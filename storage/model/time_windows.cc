#include "storage/model/time_windows.h"

#include <limits>

namespace model {
namespace {

constexpr int64_t kMaxPieces = 64;

// Saturates: damaged or foreign clocks may give any time.
TimeMs Add(TimeMs t, int64_t delta) {
  TimeMs sum;
  if (!__builtin_add_overflow(t, delta, &sum)) return sum;
  return delta < 0 ? std::numeric_limits<TimeMs>::min() : std::numeric_limits<TimeMs>::max();
}

}  // namespace

TimeMs WindowStart(TimeMs t, int64_t width_ms) {
  const int64_t into = t % width_ms < 0 ? t % width_ms + width_ms : t % width_ms;
  return Add(t, -into);
}

std::vector<TimeRange> CutByDay(TimeRange range) {
  std::vector<TimeRange> pieces = {TimeRange()};
  const TimeMs first = Add(range.min, kHourMs), last = Add(range.max, -kHourMs);
  if (first > last) return pieces;
  int64_t width = kDayMs;
  while (WindowStart(last, width) / width - WindowStart(first, width) / width >= kMaxPieces) {
    width *= 2;
  }
  const int64_t into = first % width < 0 ? first % width + width : first % width;
  for (TimeMs cut = into == 0 ? first : Add(first, width - into); cut <= last;
       cut = Add(cut, width)) {
    pieces.back().max = cut - 1;
    pieces.push_back({cut, std::numeric_limits<TimeMs>::max()});
  }
  return pieces;
}

}  // namespace model
