// What the store keeps of itself, and each block of itself.
#pragma once

#include <cstdint>
#include <string_view>

#include <absl/status/statusor.h>

#include "storage/block/block_db.h"

namespace storage::block {

// A number of the default family; kNotFound when absent.
absl::StatusOr<uint64_t> ReadNumber(Db& db, std::string_view key);
// kDataLoss when not all of what concerns all blocks can be read: then nothing can be published either.
absl::Status CheckShared(Db& db);
// kNotFound: the block was never finished.
absl::StatusOr<BlockMeta> ReadMeta(Db& db, const Db::Family& family);

}  // namespace storage::block
