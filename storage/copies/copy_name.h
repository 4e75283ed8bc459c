// What snapshots and backups are called: 20261129T101112Z-0123456789abcdef, shaped as Prometheus
// names its snapshots. UTC, then three digits of milliseconds, so that names ascend with time also
// within a second, then chance.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace storage {

std::string NewCopyName(int64_t now_ms);  // Thread-safe.
bool IsCopyName(std::string_view s);

}  // namespace storage
