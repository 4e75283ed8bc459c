#include "storage/block/time_columns.h"

#include <algorithm>

#include <rocksdb/db.h>

#include "storage/base/memory_meter.h"
#include "storage/block/block_keys.h"
#include "storage/chunk/sealed/time_column.h"

namespace storage::block {

uint64_t TimeColumnsWriter::TargetOf(model::LabelsView labels) {
  return base::Hash64(labels.Get("job"), base::Hash64(labels.Get("instance")));
}

bool TimeColumnsWriter::FindWithin(std::span<const model::TimeMs> times, uint32_t column,
                                   TimeStretch* place) {
  if (!chunk::sealed::ReadTimes(columns_[column], &scratch_)) return false;
  const auto first = std::lower_bound(scratch_.begin(), scratch_.end(), times.front());
  if (static_cast<size_t>(scratch_.end() - first) < times.size() ||
      !std::equal(times.begin(), times.end(), first)) {
    return false;
  }
  *place = {column, static_cast<uint32_t>(first - scratch_.begin())};
  return true;
}

TimeStretch TimeColumnsWriter::Place(std::span<const model::TimeMs> times, uint64_t target) {
  const std::string_view bytes(reinterpret_cast<const char*>(times.data()), times.size_bytes());
  const base::Hash128 content = base::HashBytes128(bytes, 0);
  if (const auto it = by_content_.find(content); it != by_content_.end()) return {it->second, 0};
  const auto last = by_target_.find(target);
  TimeStretch place;
  if (last != by_target_.end() && FindWithin(times, last->second, &place)) return place;

  place.column = static_cast<uint32_t>(columns_.size());
  chunk::sealed::AppendTimes(times, &columns_.emplace_back());
  by_content_.emplace(content, place.column);
  if (last == by_target_.end()) {
    by_target_.emplace(target, place.column);
  } else if (scratch_.size() < times.size()) {  // FindWithin has just read it.
    last->second = place.column;
  }
  return place;
}

TimeColumns::Column TimeColumns::Get(uint32_t id) const {
  {
    absl::MutexLock lock(&mu_);
    if (const auto it = kept_.find(id); it != kept_.end()) return it->second;
  }
  const std::string key = TimeColumnKey(id);
  rocksdb::PinnableSlice value;
  {
    const base::MemoryMeter::Scope cache(nullptr);
    rocksdb::ReadOptions options;
    options.fill_cache = fill_cache_;
    if (!block_.db().rocks()->Get(options, block_.handle(), key, &value).ok()) {
      return nullptr;
    }
  }
  auto times = std::make_shared<std::vector<model::TimeMs>>();
  if (!ParseTimeColumn(key, {value.data(), value.size()}, times.get())) return nullptr;
  absl::MutexLock lock(&mu_);
  if (!kept_.emplace(id, times).second) return times;
  order_.push_back(id);
  kept_times_ += times->size();
  while (kept_times_ > kMaxKeptTimes && order_.size() > 1) {
    const auto oldest = kept_.find(order_.front());
    kept_times_ -= oldest->second->size();
    kept_.erase(oldest);
    order_.pop_front();
  }
  return times;
}

}  // namespace storage::block
