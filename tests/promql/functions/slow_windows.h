// The functions of range vectors said plainly: one window's samples in, one value out.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "promql/kernels/window.h"
#include "storage/chunk/chunk.h"

namespace promql {

// The value of `function` at step i, or nothing. `params` are the values of scalars at that step.
std::optional<double> SlowWindow(std::string_view function, const chunk::SampleColumns& samples,
                                 const WindowGrid& windows, int i, model::TimeMs eval_time,
                                 std::span<const double> params);

}  // namespace promql
