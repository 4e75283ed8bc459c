// Which series carry which label, and the algebra on that.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "storage/model/matcher.h"

namespace storage {

// Names a series within one head or one block. In a block, refs ascend as labels do.
enum class SeriesRef : uint64_t { kNone = 0 };

// Ascending, without repeats. A plain array, not a cursor: the operations below are then pure
// functions over spans, easy to test and to vectorise.
using Postings = std::vector<SeriesRef>;
using PostingsPtr = std::shared_ptr<const Postings>;  // Shared with head or cache. Never null.

Postings Intersect(std::vector<PostingsPtr> lists);  // Shortest first, galloping.
Postings Union(std::vector<PostingsPtr> lists);
Postings Without(const Postings& keep, const Postings& drop);

// What head and block each provide; everything above it is written once. Thread-safe.
// Errors are the store's own (kDataLoss, kUnavailable).
class Index {
 public:
  virtual ~Index() = default;
  virtual absl::StatusOr<PostingsPtr> All() const = 0;
  virtual absl::StatusOr<PostingsPtr> For(std::string_view name, std::string_view value) const = 0;
  virtual absl::StatusOr<std::vector<std::string>> Names() const = 0;                     // Sorted.
  virtual absl::StatusOr<std::vector<std::string>> Values(std::string_view name) const = 0;  // Sorted.
  // Those of Values(name) that start with `prefix`. A store that can seek does better than this.
  virtual absl::StatusOr<std::vector<std::string>> ValuesWithPrefix(std::string_view name,
                                                                    std::string_view prefix) const;
};

// The series that satisfy every matcher; no matcher means all. A matcher that accepts "" also
// accepts series without the label, so it is answered by taking others away.
absl::StatusOr<Postings> Find(const Index& index, std::span<const model::Matcher> matchers);

}  // namespace storage
