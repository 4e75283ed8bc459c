// Numbers as bars of text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "storage/model/sample.h"

namespace server {

// One of eight heights; 0 is the lowest, 1 the highest, and what is outside is cut off.
std::string_view Bar(double height);

// `points` as bars between the least and the greatest, `width` characters at most; where there is
// no point, a space. Points that share a character show as their mean.
std::string Sparkline(const std::vector<model::Sample>& points, model::TimeRange range, int width);

}  // namespace server
