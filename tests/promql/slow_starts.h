// Functions of one window whose samples have starts, the slow and obvious way.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "tests/promql/slow_mixed.h"

namespace promql {

// Whether a counter began anew between two samples, as their starts tell.
bool SlowBeganBetween(const SlowSample& before, const SlowSample& now);

// What rate, increase or irate give for floats in a window (start, end]; nothing if they give
// nothing.
std::optional<double> OverStarted(std::string_view f, const std::vector<SlowSample>& samples,
                                  model::TimeMs start, model::TimeMs end);

// Whether a sample in a window stands for all since its start, when the counter was nothing.
bool SlowBeganInside(const SlowSample& first, model::TimeMs start);

}  // namespace promql
