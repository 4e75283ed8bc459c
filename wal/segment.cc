#include "wal/segment.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "wal/status.h"

namespace wal {

std::string SegmentName(uint32_t number) {
  char buf[16];
  std::snprintf(buf, sizeof buf, "%08u", number);
  return buf;
}

absl::StatusOr<std::vector<Segment>> ListSegments(const std::string& dir) {
  std::vector<Segment> segments;
  std::error_code code;
  std::filesystem::directory_iterator it(dir, code);
  if (code.value() == ENOENT) return segments;
  if (code) return ErrnoStatus("list", dir, code.value());
  for (; it != std::filesystem::directory_iterator(); it.increment(code)) {
    if (code) return ErrnoStatus("list", dir, code.value());
    const std::string name = it->path().filename().string();
    const bool digits = std::all_of(name.begin(), name.end(),
                                    [](char c) { return c >= '0' && c <= '9'; });
    if (name.size() < 8 || name.size() > 10 || !digits) continue;
    const uint64_t number = std::stoull(name);
    if (number > UINT32_MAX || SegmentName(static_cast<uint32_t>(number)) != name) continue;
    const uint64_t bytes = it->file_size(code);
    segments.push_back({static_cast<uint32_t>(number), code ? 0 : bytes});
  }
  std::sort(segments.begin(), segments.end(),
            [](const Segment& a, const Segment& b) { return a.number < b.number; });
  return segments;
}

}  // namespace wal
