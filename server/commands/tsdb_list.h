// tidemark tsdb list.
#pragma once

#include <span>
#include <string>

#include "storage/block/block_store.h"

namespace server {

// The table that `promtool tsdb list` prints.
std::string ListText(std::span<const storage::BlockMeta> metas, bool human_readable);

// A duration as Go prints it: 1h59m45s, 1.5s, 20ms, 0s.
std::string GoDuration(int64_t ms);

}  // namespace server
