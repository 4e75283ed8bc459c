// Time and samples.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

namespace model {

using TimeMs = int64_t;  // Milliseconds since the Unix epoch; negative before it.

// Both ends belong to the range. Empty when min > max.
struct TimeRange {
  TimeMs min = std::numeric_limits<TimeMs>::min();
  TimeMs max = std::numeric_limits<TimeMs>::max();
  bool empty() const { return min > max; }
  bool Contains(TimeMs t) const { return min <= t && t <= max; }
  bool Overlaps(const TimeRange& o) const { return min <= o.max && o.min <= max; }
  friend bool operator==(const TimeRange&, const TimeRange&) = default;
  static constexpr TimeRange None() {
    return {std::numeric_limits<TimeMs>::max(), std::numeric_limits<TimeMs>::min()};
  }
  void Extend(TimeMs t) { min = std::min(min, t), max = std::max(max, t); }
  void Extend(const TimeRange& o) { min = std::min(min, o.min), max = std::max(max, o.max); }
};

struct Sample {
  TimeMs t = 0;
  double v = 0;
};

// The NaN that says "this series ends here", told from other NaNs by its bits only.
inline constexpr uint64_t kStaleNanBits = 0x7ff0000000000002;
inline constexpr uint64_t kNormalNanBits = 0x7ff8000000000001;
inline double StaleNan() { return std::bit_cast<double>(kStaleNanBits); }
inline double NormalNan() { return std::bit_cast<double>(kNormalNanBits); }
inline bool IsStaleNan(double v) { return std::bit_cast<uint64_t>(v) == kStaleNanBits; }

}  // namespace model
