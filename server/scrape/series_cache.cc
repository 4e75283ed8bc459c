#include "server/scrape/series_cache.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace server {
namespace {

constexpr size_t kBlockBytes = 16 << 10;
constexpr int kScrapesBeforeIndexIsDropped = 30;
constexpr uint32_t kMetadataScrapes = 10;
constexpr int64_t kTellAgainMs = 3'600'000;

}  // namespace

MetadataCache::Item* MetadataCache::Find(std::string_view family, uint32_t iteration) {
  for (uint32_t i = last_; i < last_ + 2 && i < items_.size(); ++i) {
    if (items_[i].family == family) {
      last_ = i;
      items_[i].seen = iteration;
      return &items_[i];
    }
  }
  const auto it = index_.find(family);
  if (it != index_.end()) {
    last_ = it->second;
  } else {
    absl::MutexLock lock(&mu_);
    last_ = static_cast<uint32_t>(items_.size());
    items_.push_back({std::string(family), {}, iteration});
    index_.emplace(std::string(family), last_);
  }
  items_[last_].seen = iteration;
  return &items_[last_];
}

void MetadataCache::SetType(std::string_view family, model::MetricType type, uint32_t iteration) {
  Item* item = Find(family, iteration);
  if (item->metadata.type == type) return;
  absl::MutexLock lock(&mu_);
  item->metadata.type = type;
  item->told_ms = 0;
}

void MetadataCache::SetHelp(std::string_view family, std::string_view help, uint32_t iteration) {
  Item* item = Find(family, iteration);
  if (item->metadata.help == help) return;
  absl::MutexLock lock(&mu_);
  item->metadata.help = help;
  item->told_ms = 0;
}

void MetadataCache::SetUnit(std::string_view family, std::string_view unit, uint32_t iteration) {
  Item* item = Find(family, iteration);
  if (item->metadata.unit == unit) return;
  absl::MutexLock lock(&mu_);
  item->metadata.unit = unit;
  item->told_ms = 0;
}

void MetadataCache::TellTo(storage::Appender* batch, uint32_t iteration, int64_t now_ms) {
  for (Item& item : items_) {
    const bool fresh = item.told_ms != 0 && now_ms >= item.told_ms && now_ms - item.told_ms < kTellAgainMs;
    if (fresh || item.seen != iteration) continue;
    // A batch may come to nothing: only what the store had before is settled.
    if (batch->UpdateMetadata(item.family, item.metadata.view())) item.told_ms = now_ms;
  }
}

void MetadataCache::Prune(uint32_t iteration) {
  last_ = 0;
  const auto old = [&](const Item& item) { return iteration - item.seen > kMetadataScrapes; };
  if (std::none_of(items_.begin(), items_.end(), old)) return;
  absl::MutexLock lock(&mu_);
  std::erase_if(items_, old);
  index_.clear();
  for (uint32_t i = 0; i < items_.size(); ++i) index_.emplace(items_[i].family, i);
}

std::vector<std::pair<std::string, model::Metadata>> MetadataCache::List() const {
  absl::MutexLock lock(&mu_);
  std::vector<std::pair<std::string, model::Metadata>> list;
  list.reserve(items_.size());
  for (const Item& item : items_) list.emplace_back(item.family, item.metadata);
  return list;
}

void MetadataCache::Measure(uint64_t* entries, uint64_t* bytes) const {
  absl::MutexLock lock(&mu_);
  *entries += items_.size();
  for (const Item& item : items_) {
    *bytes += item.metadata.help.size() + item.metadata.unit.size() +
              model::ToString(item.metadata.type).size();
  }
}

SeriesCache::SeriesCache() = default;

std::string_view SeriesCache::Predicted() const {
  return cursor_ < order_.size() ? entries_[order_[cursor_]].view() : std::string_view();
}

SeriesCache::Id SeriesCache::TakePredicted() {
  const Id id = order_[cursor_++];
  entries_[id].position = static_cast<uint32_t>(next_order_.size());
  next_order_.push_back(id);
  return id;
}

SeriesCache::Id SeriesCache::Find(std::string_view text) {
  if (cursor_ < order_.size() && entries_[order_[cursor_]].view() == text) return TakePredicted();
  NeedIndex();
  const auto it = index_->find(text);
  if (it == index_->end()) return kNotFound;
  Series& series = entries_[*it];
  // Lines were inserted or left out: go on from where this one stood in the last page.
  if (series.seen == iteration_ - 1) cursor_ = series.position + 1;
  series.position = static_cast<uint32_t>(next_order_.size());
  next_order_.push_back(*it);
  return *it;
}

SeriesCache::Id SeriesCache::Add(std::string_view text, storage::SeriesRef ref,
                                 model::MetricType type, std::string_view unit, bool dropped) {
  Id id;
  if (free_.empty()) {
    id = static_cast<Id>(entries_.size());
    entries_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  entries_[id] = Series{.text = Store(text),
                        .ref = ref,
                        .size = static_cast<uint32_t>(text.size()),
                        .seen = iteration_,
                        .position = static_cast<uint32_t>(next_order_.size()),
                        .type = type,
                        .unit = NumberOfUnit(unit),
                        .dropped = dropped};
  next_order_.push_back(id);
  ++live_;
  ++seen_;
  if (index_ != nullptr) index_->insert(id);
  return id;
}

bool SeriesCache::SeenBefore(Id id) {
  Series& series = entries_[id];
  if (series.seen == iteration_) return true;
  series.seen = iteration_;
  ++seen_;
  return false;
}

void SeriesCache::Track(Id id) {
  Series& series = entries_[id];
  if (series.tracked == iteration_) return;
  series.tracked_before = series.tracked == iteration_ - 1;
  series.tracked = iteration_;
  ++tracked_;
  kept_ += series.tracked_before;
}

void SeriesCache::ForEachEnded(bool failed, const std::function<void(const Ended&)>& fn) const {
  if (!failed && kept_ == tracked_last_ && inherited_.empty()) return;  // The steady state.
  std::vector<Ended> ended;
  absl::flat_hash_set<storage::SeriesRef> refs;
  const auto add = [&](const Ended& e) {
    if (e.ref != storage::SeriesRef::kNone && refs.insert(e.ref).second) ended.push_back(e);
  };
  for (const Series& series : entries_) {
    if (series.text == nullptr) continue;
    const bool in_last = series.tracked == iteration_ - 1 ||
                         (failed && series.tracked == iteration_ && series.tracked_before);
    if (in_last) add({series.ref, series.view(), series.type, units_[series.unit]});
  }
  for (const storage::SeriesRef ref : inherited_) add({ref, {}, {}, {}});
  if (!failed && !ended.empty()) {
    // The same series may have come under another text.
    for (const Series& series : entries_) {
      if (series.text != nullptr && series.tracked == iteration_) refs.erase(series.ref);
    }
    std::erase_if(ended, [&](const Ended& e) { return !refs.contains(e.ref); });
  }
  for (const Ended& e : ended) fn(e);
}

bool SeriesCache::EndScrape(bool success) {
  const size_t count = live_ + metadata_.size();
  const bool overgrown = !success && count > size_at_success_ * 2 + 1000;
  if (success || overgrown) {
    if (live_ != seen_) {
      Flush();
      if (overgrown) order_.clear();  // It may name what is gone now.
    }
    metadata_.Prune(iteration_);
  }
  if (success) size_at_success_ = count;

  if (success) {
    order_.swap(next_order_);
    tracked_last_ = tracked_;
  } else {
    // Nothing of this scrape is in the store; nothing of it can end.
    for (Series& series : entries_) series.tracked = 0;
    tracked_last_ = 0;
  }
  next_order_.clear();
  inherited_.clear();
  cursor_ = 0;
  seen_ = tracked_ = kept_ = 0;
  ++iteration_;

  if (index_used_) {
    scrapes_without_index_ = 0;
  } else if (index_ != nullptr && ++scrapes_without_index_ > kScrapesBeforeIndexIsDropped) {
    index_.reset();
  }
  index_used_ = false;
  if (dead_bytes_ > kBlockBytes && dead_bytes_ > arena_bytes_ / 2) Compact();
  return overgrown;
}

void SeriesCache::SetFormat(int format) {
  if (format_ != format) order_.clear();
  format_ = format;
}

void SeriesCache::Inherit(const SeriesCache& old) {
  inherited_ = old.inherited_;
  for (const Series& series : old.entries_) {
    if (series.text != nullptr && series.tracked == old.iteration_ - 1) {
      inherited_.push_back(series.ref);
    }
  }
}

size_t SeriesCache::MemoryBytes() const {
  return sizeof(*this) + entries_.capacity() * sizeof(Series) +
         (free_.capacity() + order_.capacity() + next_order_.capacity()) * sizeof(Id) +
         arena_bytes_ + (index_ == nullptr ? 0 : index_->capacity() * (sizeof(Id) + 1));
}

const char* SeriesCache::Store(std::string_view text) {
  if (blocks_.empty() || block_size_ - block_used_ < text.size()) {
    block_size_ = std::max(kBlockBytes, text.size());
    block_used_ = 0;
    blocks_.push_back(std::make_unique<char[]>(block_size_));
    arena_bytes_ += block_size_;
  }
  char* place = blocks_.back().get() + block_used_;
  std::memcpy(place, text.data(), text.size());
  block_used_ += text.size();
  return place;
}

uint16_t SeriesCache::NumberOfUnit(std::string_view unit) {
  const auto at = std::find(units_.begin(), units_.end(), unit);  // Few.
  const auto number = static_cast<size_t>(at - units_.begin());
  if (number > std::numeric_limits<uint16_t>::max()) return 0;
  if (at == units_.end()) units_.emplace_back(unit);
  return static_cast<uint16_t>(number);
}

void SeriesCache::NeedIndex() {
  index_used_ = true;
  if (index_ != nullptr) return;
  index_ = std::make_unique<Index>(live_ + 16, Hash{this}, Eq{this});
  for (Id id = 0; id < entries_.size(); ++id) {
    if (entries_[id].text != nullptr) index_->insert(id);
  }
}

void SeriesCache::Forget(Id id) {
  if (index_ != nullptr) index_->erase(id);
  dead_bytes_ += entries_[id].size;
  entries_[id] = Series();
  free_.push_back(id);
  --live_;
}

// Forgets what this scrape has not seen.
void SeriesCache::Flush() {
  for (Id id = 0; id < entries_.size(); ++id) {
    if (entries_[id].text != nullptr && entries_[id].seen != iteration_) Forget(id);
  }
}

// Copies the living texts into new blocks, in the order of the page, and closes the gaps.
void SeriesCache::Compact() {
  const std::vector<std::unique_ptr<char[]>> old_blocks = std::move(blocks_);
  blocks_.clear();
  block_used_ = block_size_ = arena_bytes_ = dead_bytes_ = 0;
  index_.reset();
  std::vector<Series> entries;
  entries.reserve(live_);
  std::vector<Id> moved(entries_.size(), kNotFound);
  const auto move = [&](Id id) {
    if (moved[id] != kNotFound || entries_[id].text == nullptr) return;
    moved[id] = static_cast<Id>(entries.size());
    entries.push_back(entries_[id]);
    entries.back().text = Store(entries.back().view());
  };
  for (const Id id : order_) move(id);
  for (Id id = 0; id < entries_.size(); ++id) move(id);
  for (Id& id : order_) id = moved[id];
  entries_ = std::move(entries);
  free_.clear();
}

}  // namespace server
