// Names and lists segment files: 8 decimal digits in the log's directory, as "00000012".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

namespace wal {

struct Segment {
  uint32_t number = 0;
  uint64_t bytes = 0;
};

std::string SegmentName(uint32_t number);
// Ascending by number; other files are ignored. An absent directory is empty.
absl::StatusOr<std::vector<Segment>> ListSegments(const std::string& dir);

}  // namespace wal
