#include "promql/kernels/window_edges.h"

#include <algorithm>

#include "promql/kernels/window.h"

namespace promql::kernels {

WindowSpan SpanOf(const chunk::SampleColumns& samples, size_t begin, size_t end,
                  model::TimeMs window_end, int64_t range_ms) {
  const model::TimeMs first_time = samples.times[begin], last_time = samples.times[end - 1];
  double to_start = static_cast<double>(first_time - (window_end - range_ms)) / 1000;
  double to_end = static_cast<double>(window_end - last_time) / 1000;
  const double sampled = static_cast<double>(last_time - first_time) / 1000;
  const double between = sampled / static_cast<double>(samples.Count(begin, end) - 1);
  const double threshold = between * 1.1;
  if (to_start >= threshold) to_start = between / 2;
  if (to_end >= threshold) to_end = between / 2;
  return {sampled, to_start, to_end};
}

void WindowEdges::Find(const std::vector<model::TimeMs>& times, const WindowGrid& windows) {
  if (found_) return;
  begin_.assign(windows.steps, 0);
  end_.assign(windows.steps, 0);
  size_t begin = 0, end = 0;
  for (int i = 0; i < windows.steps; ++i) {
    const model::TimeMs window_end = windows.end(i);
    end = PassTimes(times.data(), end, times.size(), window_end);
    begin = PassTimes(times.data(), begin, end, window_end - windows.range_ms);
    begin_[i] = static_cast<int32_t>(begin);
    end_[i] = static_cast<int32_t>(end);
  }
  found_ = true;
}

const WindowSpans& WindowEdges::Spans(const chunk::SampleColumns& samples,
                                      const WindowGrid& windows) {
  if (spanned_) return spans_;
  Find(samples.times, windows);
  WindowSpans& s = spans_;
  const int steps = windows.steps;
  s.first.resize(steps), s.last.resize(steps);
  s.sampled.assign(steps, 1), s.to_start.assign(steps, 0), s.to_end.assign(steps, 0);
  s.present.assign((steps + 63) / 64, 0);
  for (int i = 0; i < steps; ++i) {
    const size_t begin = this->begin(i), end = this->end(i);
    if (end < begin + 2) {
      s.first[i] = s.last[i] = static_cast<int32_t>(std::min(begin, samples.size() - 1));
      continue;
    }
    const auto [sampled, to_start, to_end] =
        SpanOf(samples, begin, end, windows.end(i), windows.range_ms);
    s.first[i] = begin_[i], s.last[i] = end_[i] - 1;
    s.sampled[i] = sampled, s.to_start[i] = to_start, s.to_end[i] = to_end;
    s.present[i >> 6] |= uint64_t{1} << (i & 63);
  }
  spanned_ = true;
  return s;
}

}  // namespace promql::kernels
