#include "compaction/retention.h"

#include <algorithm>

namespace compaction {
namespace {

// By policy, and last of the series under none.
std::vector<bool> ExpiredAt(const RetentionOptions& options, uint64_t age_ms) {
  std::vector<bool> expired;
  for (const RetentionPolicy& policy : options.policies) {
    expired.push_back(age_ms >= static_cast<uint64_t>(policy.retention_ms));
  }
  expired.push_back(options.retention_ms > 0 &&
                    age_ms >= static_cast<uint64_t>(options.retention_ms));
  return expired;
}

}  // namespace

size_t PolicyOf(const RetentionOptions& options, model::LabelsView labels) {
  const auto satisfies = [&](const std::vector<model::Matcher>& set) {
    return std::all_of(set.begin(), set.end(), [&](const model::Matcher& matcher) {
      return matcher.Matches(labels.Get(matcher.name()));
    });
  };
  size_t i = 0;
  for (; i < options.policies.size(); ++i) {
    const auto& match = options.policies[i].match;
    if (std::any_of(match.begin(), match.end(), satisfies)) break;
  }
  return i;
}

int64_t LimitBytes(const RetentionOptions& options, uint64_t disk_bytes) {
  if (options.percentage <= 0 || disk_bytes == 0) return options.retention_bytes;
  return static_cast<int64_t>(static_cast<double>(disk_bytes) * options.percentage / 100);
}

Expired FindExpired(const RetentionOptions& options, std::span<const storage::BlockMeta> metas,
                    uint64_t head_bytes, uint64_t disk_bytes, model::TimeMs now) {
  std::vector<const storage::BlockMeta*> newest_first;
  for (const storage::BlockMeta& meta : metas) newest_first.push_back(&meta);
  std::sort(newest_first.begin(), newest_first.end(), [](const auto* a, const auto* b) {
    return std::tie(a->range.max, a->ulid) > std::tie(b->range.max, b->ulid);
  });

  Expired expired;
  const int64_t limit = LimitBytes(options, disk_bytes);
  uint64_t bytes = head_bytes;
  bool full = false;
  for (const storage::BlockMeta* block : newest_first) {
    // Differences of times do not fit an int64 when clocks are wild.
    const model::TimeMs newest = std::min(newest_first.front()->range.max, now);
    const auto age = static_cast<uint64_t>(newest) -
                     static_cast<uint64_t>(std::min(block->range.max, newest));
    std::vector<bool> over = ExpiredAt(options, age);
    const auto num_over = std::count(over.begin(), over.end(), true);
    if (num_over == static_cast<std::ptrdiff_t>(over.size())) {
      expired.by_time.push_back(block->ulid);
      continue;
    }
    bytes += block->bytes;
    full |= limit > 0 && bytes > static_cast<uint64_t>(limit);
    if (full) {
      expired.by_size.push_back(block->ulid);
    } else if (num_over > 0) {
      expired.thinned.push_back({block->ulid, std::move(over)});
    }
  }
  return expired;
}

}  // namespace compaction
