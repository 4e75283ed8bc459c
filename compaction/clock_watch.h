// Sees when the wall clock steps, by comparing it with one that never does. Pure; not thread-safe.
#pragma once

#include <cstdint>
#include <optional>

#include "storage/model/sample.h"

namespace compaction {

class ClockWatch {
 public:
  // What is more is a step: clocks are corrected little by little all the time.
  static constexpr int64_t kToleranceMs = 10 * 60 * 1000;
  // So long a step forward is not believed: time for somebody to see it and set the clock right.
  static constexpr int64_t kDoubtMs = 24 * 3600 * 1000;

  // `newest`: of the data that is there, unset without any. That the clock is far beyond it may
  // mean that nothing ran for so long, or that the machine started with a wrong clock: a step too.
  // `steady_ms`: of a clock that never steps, from any origin.
  ClockWatch(model::TimeMs now, int64_t steady_ms, std::optional<model::TimeMs> newest);

  // The step since the last look, 0 for none. Positive: forward.
  int64_t Look(model::TimeMs now, int64_t steady_ms);
  // The last look's time without the steps forward that are in doubt.
  model::TimeMs believed() const { return now_ - doubtful_ms_; }

 private:
  void Forward(int64_t step_ms);

  model::TimeMs now_;
  int64_t steady_ms_;
  int64_t doubtful_ms_ = 0;
  int64_t doubt_ends_ms_ = 0;  // Steady.
};

}  // namespace compaction
