// What snapshots and backups are called: 20261129T101112Z-0123456789abcdef, UTC and chance, as
// Prometheus names its snapshots.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace storage {

std::string NewCopyName(int64_t now_ms);  // Thread-safe.
bool IsCopyName(std::string_view s);

}  // namespace storage
