#include "promql/cache/reach.h"

#include <algorithm>
#include <limits>

namespace promql {
namespace {

model::TimeMs Add(model::TimeMs a, int64_t b) {
  model::TimeMs sum;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b > 0 ? std::numeric_limits<model::TimeMs>::max()
               : std::numeric_limits<model::TimeMs>::min();
}

}  // namespace

StepsView FindRight(const StepColumns& columns, const Reach& reach,
                    std::span<const model::TimeRange> changed, int from, int to) {
  const Grid& grid = columns.grid;
  const int steps = grid.size();
  StepsView best{&columns, 0, 0};
  int best_inside = 0;
  const auto consider = [&](int first, int end) {
    const int inside = std::min(to, end) - std::max(from, first);
    if (inside <= best_inside) return;
    best_inside = inside;
    best.first = first;
    best.count = end - first;
  };
  int next = 0;  // The first step not looked at.
  for (const model::TimeRange& range : changed) {
    for (const model::TimeRange& fixed : reach.fixed) {
      if (fixed.Overlaps(range)) return {&columns, 0, 0};
    }
    const model::TimeMs first = Add(range.min, -reach.ahead_ms);
    const model::TimeMs last = Add(range.max, reach.back_ms);
    if (last < grid.start || first > grid.at(steps - 1)) continue;
    // Steps from `begin` to before `end` reach it.
    const int begin = first <= grid.start
                          ? 0
                          : static_cast<int>((first - grid.start + grid.step_ms - 1) / grid.step_ms);
    const int end = last >= grid.at(steps - 1)
                        ? steps
                        : static_cast<int>((last - grid.start) / grid.step_ms) + 1;
    consider(next, begin);
    next = std::max(next, end);
  }
  consider(next, steps);
  return best;
}

}  // namespace promql
