#include "promql/cache/result_cache.h"

#include <algorithm>
#include <utility>

namespace promql {

std::string_view ToString(CacheOutcome outcome) {
  switch (outcome) {
    case CacheOutcome::kNone: return "none";
    case CacheOutcome::kMiss: return "miss";
    case CacheOutcome::kPartial: return "partial";
    case CacheOutcome::kHit: return "hit";
  }
  return "";
}

std::optional<ResultCache::Entry> ResultCache::Find(std::string_view key) {
  absl::MutexLock lock(&mu_);
  const auto it = index_.find(key);
  if (it == index_.end()) return std::nullopt;
  items_.splice(items_.begin(), items_, it->second);
  return it->second->entry;
}

bool ResultCache::Fits(int64_t bytes) const {
  absl::MutexLock lock(&mu_);
  return bytes <= limit_bytes_ / 4;
}

// What a key was before is freed when the lock is let go: it may be large.
void ResultCache::Put(std::string_view key, Entry entry, bool seldom) {
  Items old;
  const int64_t bytes = entry.columns->bytes() + static_cast<int64_t>(key.size() + sizeof(Item));
  absl::MutexLock lock(&mu_);
  const auto it = index_.find(key);
  if (it == index_.end() && seldom) {
    const uint64_t hash = base::Hash64(key);
    uint64_t& asked = asked_[hash % kAskedOnce];
    if (std::exchange(asked, hash) != hash) return;
  }
  if (it != index_.end()) {
    const Items::iterator item = it->second;
    bytes_ -= item->bytes;
    index_.erase(it);
    old.splice(old.begin(), items_, item);
  }
  if (bytes > limit_bytes_ / 4) return;
  items_.push_front({std::string(key), std::move(entry), bytes});
  index_.emplace(items_.front().key, items_.begin());
  bytes_ += bytes;
  Shrink();
}

void ResultCache::Remove(std::string_view key) {
  absl::MutexLock lock(&mu_);
  const auto it = index_.find(key);
  if (it != index_.end()) Erase(it->second);
}

void ResultCache::Count(CacheOutcome outcome, int steps_kept, int steps_evaluated) {
  absl::MutexLock lock(&mu_);
  switch (outcome) {
    case CacheOutcome::kNone: ++counted_.uncacheable; return;
    case CacheOutcome::kMiss: ++counted_.misses; return;
    case CacheOutcome::kPartial: ++counted_.partial_hits; break;
    case CacheOutcome::kHit: ++counted_.hits; break;
  }
  counted_.steps_kept += static_cast<uint64_t>(steps_kept);
  counted_.steps_evaluated += static_cast<uint64_t>(steps_evaluated);
}

void ResultCache::SetLimit(int64_t limit_bytes) {
  absl::MutexLock lock(&mu_);
  limit_bytes_ = limit_bytes;
  Shrink();
}

void ResultCache::Erase(Items::iterator item) {
  bytes_ -= item->bytes;
  index_.erase(std::string_view(item->key));
  items_.erase(item);
}

void ResultCache::Shrink() {
  while (bytes_ > limit_bytes_ && !items_.empty()) {
    Erase(std::prev(items_.end()));
    ++counted_.evictions;
  }
}

ResultCacheStats ResultCache::stats() const {
  absl::MutexLock lock(&mu_);
  ResultCacheStats stats = counted_;
  stats.limit_bytes = limit_bytes_;
  stats.bytes = bytes_;
  stats.entries = static_cast<int64_t>(items_.size());
  return stats;
}

std::vector<std::pair<std::string, ResultCache::Entry>> ResultCache::List() const {
  absl::MutexLock lock(&mu_);
  std::vector<std::pair<std::string, Entry>> all;
  for (const Item& item : items_) all.emplace_back(item.key, item.entry);
  return all;
}

}  // namespace promql
