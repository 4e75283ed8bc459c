// The times of a series as bytes: differences of differences, packed. A block stores each distinct
// column once, for all series of a target share theirs.
//
//   v count | z first | z second - first, if there is one
//   | differences of differences in runs of 128 (int_codec)
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/model/sample.h"

namespace chunk::sealed {

inline constexpr size_t kMaxTimes = 1 << 16;

// `times`: 1..kMaxTimes.
void AppendTimes(std::span<const model::TimeMs> times, std::string* out);
// Reads all of `in`; replaces *times. False when it is not a column. Never reads past the end.
bool ReadTimes(std::string_view in, std::vector<model::TimeMs>* times);

}  // namespace chunk::sealed
