// Querier over one block.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "storage/block/block_db.h"
#include "storage/block/block_index.h"
#include "storage/querier.h"
#include "storage/warnings.h"

namespace storage::block {

class BlockQuerier final : public Querier {  // Thread-compatible. Keeps the block.
 public:
  BlockQuerier(std::shared_ptr<const Block> block, model::TimeRange range);  // Deletes as of now.

  absl::StatusOr<std::unique_ptr<Selection>> Select(const SelectRequest& request) override;
  absl::StatusOr<std::vector<std::string>> LabelNames(Matchers matchers, size_t limit) override;
  absl::StatusOr<std::vector<std::string>> LabelValues(std::string_view name, Matchers matchers,
                                                       size_t limit) override;
  std::vector<std::string> Warnings() const override { return warnings_->list(); }

 private:
  // Damage to the index is told and costs what it hides; any other error is one.
  absl::Status LeftOut(const absl::Status& status);
  absl::StatusOr<std::vector<std::string>> OrNothing(
      absl::StatusOr<std::vector<std::string>> found);
  absl::StatusOr<std::vector<std::string>> FindNames(Matchers matchers, size_t limit);
  absl::StatusOr<std::vector<std::string>> FindValues(std::string_view name, Matchers matchers,
                                                      size_t limit);
  absl::StatusOr<std::vector<std::string>> ValuesOf(std::string_view name, const Postings& refs);

  const std::shared_ptr<const Block> block_;
  const std::shared_ptr<const Tombstones> tombstones_;
  const model::TimeRange range_;
  const BlockIndex index_;
  const std::shared_ptr<storage::Warnings> warnings_;
};

}  // namespace storage::block
