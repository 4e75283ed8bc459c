// Functions of one window with histograms, the slow and obvious way.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "promql/ast.h"
#include "storage/model/sample.h"
#include "tests/promql/slow_histogram.h"

namespace promql {

struct SlowSample {  // Of either kind.
  model::TimeMs t = 0;
  double v = 0;
  SlowHistogramPtr h;  // Instead of v, or null.
  model::TimeMs start = 0;  // 0: none, or not to be looked at.
};

inline SlowHistogramPtr Shared(SlowHistogram h) {
  return std::make_shared<const SlowHistogram>(std::move(h));
}

// What function `f` gives for a window (start, end]; nothing if it gives nothing. The time of the
// result is unspecified. With `smoothing` the samples are all that it may look at.
std::optional<SlowSample> OverMixed(std::string_view f, const std::vector<SlowSample>& samples,
                                    model::TimeMs start, model::TimeMs end, double param,
                                    Smoothing smoothing);

// The histogram at time t between two samples; nothing when they do not fit together.
std::optional<SlowHistogram> BetweenHistograms(const SlowSample& a, const SlowSample& b,
                                               model::TimeMs t, bool counter);

}  // namespace promql
