// What was deleted of one block: by series, spans of time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/chunk/histogram_columns.h"
#include "storage/index/postings.h"
#include "storage/model/sample.h"

namespace storage::block {

// One series of a block, and a span of it to delete.
struct DeletedSeries {
  uint32_t ref;
  model::TimeRange span;
  model::TimeRange all;  // From its first sample or exemplar in the block to its last.
};

// Immutable. Spans of one series ascend and do not touch.
class Tombstones {
 public:
  Tombstones() = default;

  // Those of `before` and `more`, which ascends by ref. A series of which nothing is left is gone.
  static Tombstones Add(const Tombstones& before, std::span<const DeletedSeries> more);
  // Of one block.
  static Tombstones Union(const Tombstones& a, const Tombstones& b);

  bool empty() const { return refs_.empty(); }
  std::span<const model::TimeRange> Of(uint32_t ref) const;  // Empty: nothing was deleted.
  const Postings& gone() const { return gone_; }             // Series of which nothing is left.
  uint64_t num_series() const { return num_series_; }        // With a span at least.
  uint64_t num_spans() const { return spans_.size(); }

  void AppendTo(std::string* value) const;
  static std::optional<Tombstones> Parse(std::string_view value);  // Nothing: damaged.

 private:
  void Push(uint32_t ref, model::TimeRange span);

  std::vector<uint32_t> refs_;            // Of each span, ascending.
  std::vector<model::TimeRange> spans_;   // All time: the series is gone.
  Postings gone_;
  uint64_t num_series_ = 0;
};

// Whether `deleted`, which ascends, leaves nothing of `range`.
bool Covers(std::span<const model::TimeRange> deleted, model::TimeRange range);
// Takes the samples in `deleted`, which ascends, out of *columns from sample `from` on.
void CutOut(std::span<const model::TimeRange> deleted, size_t from, chunk::SampleColumns* columns);
void CutOut(std::span<const model::TimeRange> deleted, chunk::MixedColumns* columns);

}  // namespace storage::block
