// Which series and spans of a block a delete is about.
//
// A merge may be at work when a delete comes, and its cursors may have passed what it is about. Such
// deletes are carried out once more on the merge's result, in the step that publishes it.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "storage/block/block_db.h"
#include "storage/block/tombstones.h"
#include "storage/model/labels.h"
#include "storage/model/matcher.h"
#include "storage/model/sample.h"

namespace storage::block {

// A chain in the order of the deletes. A writer holds the link that was the last when it began; what
// no writer can reach any more goes by itself. Guarded by the store's commit lock.
struct DeleteLink {
  ~DeleteLink();  // Not by recursion, however long the chain.

  // What was deleted after this link was made, and `next` is the link made then; or null.
  std::vector<std::vector<model::Matcher>> sets;
  model::TimeRange range;
  std::shared_ptr<DeleteLink> next;
};

bool Satisfies(model::LabelsView labels, std::span<const model::Matcher> matchers);

// What a delete of `range` means for a series with these rows, and exemplars from the first to the
// last of those times; nothing when none is touched.
std::optional<DeletedSeries> DeleteIn(uint32_t ref, std::span<const model::TimeRange> rows,
                                      model::TimeRange exemplars, model::TimeRange range);

// What a delete takes of a published block, by ref.
absl::StatusOr<std::vector<DeletedSeries>> FindDeleted(
    std::shared_ptr<const Block> block, std::span<const std::vector<model::Matcher>> sets,
    model::TimeRange range);

// What the deletes after `since` take of the block in `files`, which is complete but not published.
absl::StatusOr<Tombstones> ResolveLateDeletes(const DeleteLink& since,
                                              std::span<const std::string> files);

}  // namespace storage::block
