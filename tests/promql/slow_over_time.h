// Functions of one window, the slow and obvious way.
#pragma once

#include <string_view>
#include <vector>

#include "promql/ast.h"
#include "storage/model/sample.h"

namespace promql {

double Sum(const std::vector<double>& values);

// The value at time `t` on the line between two samples; a counter that falls starts from zero.
double Between(const model::Sample& a, const model::Sample& b, model::TimeMs t, bool counter);

// What function `f` gives for the samples of a window (start, end]; false when it gives nothing.
bool OverTime(std::string_view f, const std::vector<model::Sample>& samples, model::TimeMs start,
              model::TimeMs end, double param, double* out);

// The same of a window marked `anchored` or `smoothed`, `reach` being all samples it may look at.
bool OverExtended(std::string_view f, const std::vector<model::Sample>& reach, model::TimeMs start,
                  model::TimeMs end, Smoothing smoothing, double* out);

}  // namespace promql
