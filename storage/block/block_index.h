// The postings of one block, read from its tables.
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
  explicit BlockIndex(std::shared_ptr<const Block> block) : block_(std::move(block)) {}

  absl::StatusOr<PostingsPtr> All() const override;
  absl::StatusOr<PostingsPtr> For(std::string_view name, std::string_view value) const override;
  absl::StatusOr<std::vector<std::string>> Names() const override;
  absl::StatusOr<std::vector<std::string>> Values(std::string_view name) const override;

 private:
  const std::shared_ptr<const Block> block_;
};

}  // namespace storage::block
