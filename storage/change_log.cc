#include "storage/change_log.h"

#include <algorithm>

namespace storage {

// Samples that come while nobody asks are one entry, however many: commits cost an addition.
ChangeLog::Version ChangeLog::Now() {
  absl::MutexLock lock(&mu_);
  if (open_ && std::chrono::steady_clock::now() - opened_at_ >= fold_for_) open_ = false;
  return open_ ? newest_ : newest_ + 1;
}

void ChangeLog::Note(model::TimeRange range, Change::Kind kind) {
  absl::MutexLock lock(&mu_);
  const bool samples = kind == Change::Kind::kSamples;
  if (samples && open_) {
    entries_.back().range.Extend(range);
    return;
  }
  if (entries_.size() >= kMaxEntries) Coarsen();
  entries_.push_back({++newest_, range});
  open_ = samples;
  if (samples) opened_at_ = std::chrono::steady_clock::now();
}

// The older half is told two by two: the longer ago, the coarser.
void ChangeLog::Coarsen() {
  const size_t half = entries_.size() / 2;
  size_t kept = 0;
  for (size_t i = 0; i + 1 < half; i += 2) {
    Entry both = entries_[i + 1];
    both.range.Extend(entries_[i].range);
    entries_[kept++] = both;
  }
  entries_.erase(entries_.begin() + static_cast<int64_t>(kept),
                 entries_.begin() + static_cast<int64_t>(half - half % 2));
}

std::vector<model::TimeRange> ChangeLog::Since(Version version) const {
  std::vector<model::TimeRange> ranges;
  {
    absl::MutexLock lock(&mu_);
    const auto from = std::lower_bound(
        entries_.begin(), entries_.end(), version,
        [](const Entry& entry, Version wanted) { return entry.version < wanted; });
    for (auto it = from; it != entries_.end(); ++it) ranges.push_back(it->range);
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const model::TimeRange& a, const model::TimeRange& b) { return a.min < b.min; });
  size_t kept = 0;
  for (const model::TimeRange& range : ranges) {
    model::TimeMs close;
    if (kept > 0 && (__builtin_add_overflow(ranges[kept - 1].max, kCloseMs, &close) ||
                     range.min <= close)) {
      ranges[kept - 1].Extend(range);
    } else {
      ranges[kept++] = range;
    }
  }
  ranges.resize(kept);
  return ranges;
}

size_t ChangeLog::entries() const {
  absl::MutexLock lock(&mu_);
  return entries_.size();
}

}  // namespace storage
