// What caches of answers want to know of blocks: whether they are the same, and what a change of them
// concerns.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "storage/block/block_db.h"

namespace storage::block {

// Of the blocks, in whatever order, and what was deleted of each.
std::string Fingerprint(std::span<const std::shared_ptr<const Block>> blocks);

// All the time that blocks that come span, and those of `all` that are among `parents` and go.
model::TimeRange SpanOf(std::span<const std::shared_ptr<Block>> coming,
                        std::span<const std::shared_ptr<const Block>> all,
                        std::span<const std::string> parents);

}  // namespace storage::block
