// The exemplars of one block.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include <absl/status/statusor.h>

#include "storage/block/block_db.h"
#include "storage/model/matcher.h"
#include "storage/querier.h"

namespace storage::block {

// Those in `range` of the series that satisfy any of the matcher sets, in label order; without what
// is deleted as of now. Damaged ones are counted and left out. kResourceExhausted when there are
// more than *room, which what is found is taken from.
absl::StatusOr<std::vector<ExemplarSeries>> FindExemplars(
    std::shared_ptr<const Block> block, std::span<const std::vector<model::Matcher>> sets,
    model::TimeRange range, size_t* room);

}  // namespace storage::block
