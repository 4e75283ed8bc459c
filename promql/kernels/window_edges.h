// Where the windows of a grid lie among the times of a series: found once for all series whose
// samples have the same times, as those of one target do.
#pragma once

#include <cstdint>
#include <vector>

#include "storage/chunk/chunk.h"

namespace promql {

struct WindowGrid;

namespace kernels {

// Of the windows with two samples and more, what extrapolation asks of their times. Columns of one
// element per step; where a window is not `present`, something harmless.
struct WindowSpans {
  std::vector<int32_t> first, last;  // The outermost samples; ascending. One and the same if absent.
  // Seconds between those, and how far they may be stretched to the edges of the window.
  std::vector<double> sampled, to_start, to_end;
  std::vector<uint64_t> present;  // A bit per step.
};

// How far the samples [begin, end), at least two, of the window that ends at `window_end` reach, and
// how far they may be stretched: in seconds. spec 1.5, steps 4 to 7.
struct WindowSpan {
  double sampled, to_start, to_end;
};
WindowSpan SpanOf(const chunk::SampleColumns& samples, size_t begin, size_t end,
                  model::TimeMs window_end, int64_t range_ms);

class WindowEdges {  // Not thread-safe.
 public:
  // What was found is of other times: look again when asked.
  void Forget() { found_ = spanned_ = false; }

  // Both look at `samples` and `windows` the first time only.
  void Find(const std::vector<model::TimeMs>& times, const WindowGrid& windows);
  // `samples` has some.
  const WindowSpans& Spans(const chunk::SampleColumns& samples, const WindowGrid& windows);

  // After Find: window i holds the samples [begin(i), end(i)).
  size_t begin(int i) const { return static_cast<size_t>(begin_[i]); }
  size_t end(int i) const { return static_cast<size_t>(end_[i]); }

 private:
  bool found_ = false, spanned_ = false;
  std::vector<int32_t> begin_, end_;
  WindowSpans spans_;
};

}  // namespace kernels
}  // namespace promql
