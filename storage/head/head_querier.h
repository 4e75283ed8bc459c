// The way out of the head: a view of one moment.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "storage/head/head_parts.h"

namespace storage {

class HeadQuerier final : public Querier {
 public:
  HeadQuerier(Head::Parts* parts, model::TimeRange range);
  ~HeadQuerier() override;

  absl::StatusOr<std::unique_ptr<Selection>> Select(const SelectRequest& request) override;
  std::vector<std::string> Warnings() const override;
  absl::StatusOr<std::vector<std::string>> LabelNames(Matchers matchers, size_t limit) override;
  absl::StatusOr<std::vector<std::string>> LabelValues(std::string_view name, Matchers matchers,
                                                       size_t limit) override;

 private:
  bool Overlaps(model::TimeRange range) const;

  Head::Parts* const parts_;
  const model::TimeRange range_;
  const std::shared_ptr<const GatePass> pass_;  // Shared with Selections that make labels late.
  const bool replaying_;
  std::shared_ptr<RetiredChunks> view_;
  CommitSnapshot snapshot_;
};

}  // namespace storage
