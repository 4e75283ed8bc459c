#include "storage/model/start_times.h"

#include <algorithm>

namespace model {
namespace {

// The first run that begins after `t`.
std::span<const StartRun>::iterator After(std::span<const StartRun> runs, TimeMs t) {
  return std::upper_bound(runs.begin(), runs.end(), t,
                          [](TimeMs time, const StartRun& run) { return time < run.from; });
}

}  // namespace

bool Valid(std::span<const StartRun> runs) {
  if (!runs.empty() && runs.front().start == 0) return false;
  for (size_t i = 1; i < runs.size(); ++i) {
    if (runs[i].from <= runs[i - 1].from || runs[i].start == runs[i - 1].start) return false;
  }
  return true;
}

void NoteStart(TimeMs t, TimeMs start, StartRuns* runs) {
  const TimeMs before = runs->empty() ? 0 : runs->back().start;
  if (start != before) runs->push_back({t, start});
}

TimeMs StartAt(std::span<const StartRun> runs, TimeMs t) {
  const auto after = After(runs, t);
  return after == runs.begin() ? 0 : (after - 1)->start;
}

void AppendStarts(std::span<const StartRun> runs, TimeRange range, StartRuns* out) {
  if (runs.empty() || range.empty()) return;
  auto run = After(runs, range.min);
  if (run != runs.begin()) NoteStart(range.min, (run - 1)->start, out);
  for (; run != runs.end() && run->from <= range.max; ++run) NoteStart(run->from, run->start, out);
}

void AppendStartsAt(std::span<const StartRun> runs, std::span<const TimeMs> times,
                    StartColumns* out) {
  out->times.insert(out->times.end(), times.begin(), times.end());
  auto next = runs.begin();
  TimeMs start = 0;
  for (const TimeMs t : times) {
    for (; next != runs.end() && next->from <= t; ++next) start = next->start;
    out->values.push_back(start);
  }
}

StartRuns ToRuns(const StartColumns& columns) {
  StartRuns runs;
  for (size_t i = 0; i < columns.size(); ++i) NoteStart(columns.times[i], columns.values[i], &runs);
  return runs;
}

}  // namespace model
