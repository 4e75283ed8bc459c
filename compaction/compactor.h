// Carries out one plan: streams blocks into one, or into one for each day.
#pragma once

#include <functional>
#include <vector>

#include <absl/status/statusor.h>

#include "compaction/planner.h"
#include "storage/block/block_store.h"

namespace compaction {

// Memory follows the widest series and the postings of the result, not the blocks. Safe to repeat
// after any error: the inputs stay as they are until the result replaces them in one step. Inputs that
// span days (model::CutByDay) become a block for each, of level 1 at the most, so that it is merged with
// what that day has already; they are read once for each then.
// `keep_going` is asked with every series and should be quick; when it says false the answer is
// kCancelled and nothing is left behind. Once all is written it is asked no more. What is deleted of
// the inputs is left out; when nothing is left they go, and the answer is empty.
// `keep`, when given, says which series stay; the others are left out as well.
absl::StatusOr<std::vector<storage::BlockMeta>> Merge(
    const Plan& plan, storage::BlockStore* blocks, const std::function<bool()>& keep_going,
    const std::function<bool(model::LabelsView)>& keep = nullptr);

}  // namespace compaction
