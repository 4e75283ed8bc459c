// What requests that read may take of the one memory budget.
#pragma once

#include <cstdint>

#include "storage/base/memory_meter.h"
#include "storage/memory_budget.h"

namespace server {

// `max_bytes` is --query.max-bytes; 0: half of what all may take. All may take their share of `split`,
// and less while the process as a whole comes near the line where new queries would be refused.
base::MemoryLimits QueryMemory(const storage::MemorySplit& split, int64_t max_bytes);

}  // namespace server
