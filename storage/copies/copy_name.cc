#include "storage/copies/copy_name.h"

#include <random>

#include <absl/time/time.h>
#include <fmt/format.h>

namespace storage {

std::string NewCopyName(int64_t now_ms) {
  std::random_device chance;
  const uint64_t ms = static_cast<uint64_t>(now_ms) % 1000;  // Nobody makes copies before 1970.
  const uint64_t bits = ms << 52 | (uint64_t{chance()} << 32 | chance()) >> 12;
  return fmt::format(
      "{}-{:016x}",
      absl::FormatTime("%Y%m%dT%H%M%SZ", absl::FromUnixMillis(now_ms), absl::UTCTimeZone()), bits);
}

bool IsCopyName(std::string_view s) {
  constexpr std::string_view kShape = "00000000T000000Z-xxxxxxxxxxxxxxxx";
  if (s.size() != kShape.size()) return false;
  for (size_t i = 0; i < s.size(); ++i) {
    const char c = s[i];
    const bool digit = c >= '0' && c <= '9', hex = digit || (c >= 'a' && c <= 'f');
    if (kShape[i] == '0' ? !digit : kShape[i] == 'x' ? !hex : c != kShape[i]) return false;
  }
  return true;
}

}  // namespace storage
