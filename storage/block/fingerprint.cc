#include "storage/block/fingerprint.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "storage/base/coding.h"
#include "storage/base/hash.h"
#include "storage/block/tombstones.h"

namespace storage::block {

std::string Fingerprint(std::span<const std::shared_ptr<const Block>> blocks) {
  std::vector<std::string> all;
  for (const std::shared_ptr<const Block>& block : blocks) {
    const BlockMeta& meta = block->meta();
    all.push_back(fmt::format("{} {} {} {} ", meta.ulid, meta.range.min, meta.range.max,
                              meta.num_samples));
    block->tombstones()->AppendTo(&all.back());
  }
  std::sort(all.begin(), all.end());
  std::string bytes;
  for (const std::string& block : all) base::AppendString(&bytes, block);
  const base::Hash128 hash = base::HashBytes128(bytes, 0);
  return fmt::format("{:016x}{:016x}", hash.high, hash.low);
}

model::TimeRange SpanOf(std::span<const std::shared_ptr<Block>> coming,
                        std::span<const std::shared_ptr<const Block>> all,
                        std::span<const std::string> parents) {
  model::TimeRange span = model::TimeRange::None();
  for (const std::shared_ptr<Block>& block : coming) span.Extend(block->meta().range);
  for (const std::shared_ptr<const Block>& block : all) {
    if (std::find(parents.begin(), parents.end(), block->meta().ulid) != parents.end()) {
      span.Extend(block->meta().range);
    }
  }
  return span;
}

}  // namespace storage::block
