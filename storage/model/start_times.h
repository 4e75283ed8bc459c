// When what a sample counts began: the start of its counter or histogram, 0 when nobody said. It stays
// the same for thousands of samples, so it is kept beside them as runs.
#pragma once

#include <span>
#include <vector>

#include "storage/model/sample.h"

namespace model {

// The samples from `from` on, until the next run, have this start. None is known before the first.
struct StartRun {
  TimeMs from = 0, start = 0;
  friend bool operator==(const StartRun&, const StartRun&) = default;
};
// By time; no two neighbours have the same start, and the first has one.
using StartRuns = std::vector<StartRun>;
bool Valid(std::span<const StartRun> runs);

// The sample at `t`, later than all before, has this start.
void NoteStart(TimeMs t, TimeMs start, StartRuns* runs);
TimeMs StartAt(std::span<const StartRun> runs, TimeMs t);
// Appends what is to be known of the samples in `range`; their runs then begin inside of it.
void AppendStarts(std::span<const StartRun> runs, TimeRange range, StartRuns* out);

// One start for each time; times ascend.
struct StartColumns {
  std::vector<TimeMs> times, values;
  size_t size() const { return times.size(); }
  void clear() { times.clear(), values.clear(); }
};
// Appends the starts at `times`, all of which come after those that are there.
void AppendStartsAt(std::span<const StartRun> runs, std::span<const TimeMs> times,
                    StartColumns* out);
StartRuns ToRuns(const StartColumns& columns);

}  // namespace model
