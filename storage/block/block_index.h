// The postings of one block, read from its tables, without the series of which nothing is left.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/block/block_db.h"
#include "storage/index/postings.h"

namespace storage::block {

class BlockIndex final : public Index {  // Thread-safe. Keeps the block.
 public:
  BlockIndex(std::shared_ptr<const Block> block, std::shared_ptr<const Tombstones> tombstones)
      : block_(std::move(block)), tombstones_(std::move(tombstones)) {}

  absl::StatusOr<PostingsPtr> All() const override;
  absl::StatusOr<PostingsPtr> For(std::string_view name, std::string_view value) const override;
  absl::StatusOr<std::vector<std::string>> Names() const override;
  absl::StatusOr<std::vector<std::string>> Values(std::string_view name) const override;

 private:
  absl::StatusOr<Postings> Parse(std::string_view bytes, std::string_view name,
                                 std::string_view value) const;

  const std::shared_ptr<const Block> block_;
  const std::shared_ptr<const Tombstones> tombstones_;
};

}  // namespace storage::block
