#include "compaction/clock_watch.h"

#include <algorithm>
#include <limits>

namespace compaction {
namespace {

// Saturates.
int64_t Minus(int64_t a, int64_t b) {
  int64_t difference;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return b > 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
}

}  // namespace

ClockWatch::ClockWatch(model::TimeMs now, int64_t steady_ms, std::optional<model::TimeMs> newest)
    : now_(now), steady_ms_(steady_ms) {
  if (!newest) return;
  const int64_t gap = Minus(now, *newest);
  if (gap > kToleranceMs) Forward(gap);
}

void ClockWatch::Forward(int64_t step_ms) {
  doubtful_ms_ += step_ms;
  doubt_ends_ms_ = steady_ms_ + kDoubtMs;
}

int64_t ClockWatch::Look(model::TimeMs now, int64_t steady_ms) {
  const int64_t step = Minus(Minus(now, now_), Minus(steady_ms, steady_ms_));
  now_ = now;
  steady_ms_ = steady_ms;
  if (steady_ms >= doubt_ends_ms_) doubtful_ms_ = 0;
  if (step > kToleranceMs) {
    Forward(step);
  } else if (step < -kToleranceMs) {
    doubtful_ms_ = std::max<int64_t>(0, doubtful_ms_ + step);
  } else {
    return 0;
  }
  return step;
}

}  // namespace compaction
