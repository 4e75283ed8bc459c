#include "storage/block/series_classes.h"

#include "storage/base/status.h"
#include "storage/block/block_index.h"

namespace storage::block {

absl::StatusOr<std::vector<uint64_t>> CountByClass(
    std::shared_ptr<const Block> block,
    std::span<const std::vector<std::vector<model::Matcher>>> classes) {
  const BlockIndex index(block, block->tombstones());
  ASSIGN_OR_RETURN(PostingsPtr rest, index.All());
  std::vector<uint64_t> counts;
  for (const auto& sets : classes) {
    std::vector<PostingsPtr> found;
    for (const auto& set : sets) {
      ASSIGN_OR_RETURN(Postings refs, Find(index, set));
      found.push_back(std::make_shared<const Postings>(std::move(refs)));
    }
    auto left = std::make_shared<const Postings>(Without(*rest, Union(std::move(found))));
    counts.push_back(rest->size() - left->size());
    rest = std::move(left);
  }
  counts.push_back(rest->size());
  return counts;
}

}  // namespace storage::block
