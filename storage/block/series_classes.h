// How many series of a block are in which of several classes.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include <absl/status/statusor.h>

#include "storage/block/block_db.h"
#include "storage/model/matcher.h"

namespace storage::block {

// A series is in the first class of which it satisfies any matcher set; the last count is of those
// in none. By postings alone.
absl::StatusOr<std::vector<uint64_t>> CountByClass(
    std::shared_ptr<const Block> block,
    std::span<const std::vector<std::vector<model::Matcher>>> classes);

}  // namespace storage::block
