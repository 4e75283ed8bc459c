#include "storage/head/series_map.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

#include "storage/base/check.h"

namespace storage {

MemSeries* SeriesPool::New() {
  void* place;
  {
    absl::MutexLock lock(&mu_);
    if (free_.empty()) {
      slabs_.push_back(std::make_unique_for_overwrite<Slot[]>(kSlab));
      for (size_t i = kSlab; i > 0; --i) free_.push_back(&slabs_.back()[i - 1]);
    }
    place = free_.back();
    free_.pop_back();
  }
  return new (place) MemSeries;
}

void SeriesPool::Delete(MemSeries* series) {
  series->~MemSeries();
  absl::MutexLock lock(&mu_);
  free_.push_back(series);
}

RefTable::RefTable()
    : top_(static_cast<std::atomic<Middle*>*>(
          std::calloc(size_t{1} << kTopBits, sizeof(std::atomic<Middle*>)))) {
  CHECK(top_ != nullptr);
}

RefTable::~RefTable() {
  for (size_t i = 0; i <= kTopMask; ++i) {
    Middle* middle = top_[i].load(std::memory_order_relaxed);
    if (middle == nullptr) continue;
    for (auto& leaf : middle->leaves) delete leaf.load(std::memory_order_relaxed);
    delete middle;
  }
  std::free(top_);
}

const RefTable::Middle* RefTable::FindMiddle(uint64_t page) const {
  for (uint64_t i = page;; ++i) {
    const Middle* middle = top_[i & kTopMask].load(std::memory_order_acquire);
    if (middle == nullptr || middle->page == page) return middle;
  }
}

MemSeries* RefTable::Find(SeriesRef ref) const {
  const uint64_t n = static_cast<uint64_t>(ref);
  if (n > kMaxRef) return nullptr;
  const Middle* middle = FindMiddle(n >> (kLeafBits + kMiddleBits));
  if (middle == nullptr) return nullptr;
  const Leaf* leaf = middle->leaves[LeafNumber(n)].load(std::memory_order_acquire);
  if (leaf == nullptr) return nullptr;
  return leaf->series[n % (1 << kLeafBits)].load(std::memory_order_acquire);
}

RefTable::Middle* RefTable::MiddleOf(uint64_t n) {
  const uint64_t page = n >> (kLeafBits + kMiddleBits);
  uint64_t i = page;
  Middle* middle;
  while ((middle = top_[i & kTopMask].load(std::memory_order_relaxed)) != nullptr &&
         middle->page != page) {
    ++i;
  }
  if (middle == nullptr) {
    CHECK(++pages_ < kTopMask / 2);  // 2^35 refs that lie together.
    middle = new Middle(page);
    top_[i & kTopMask].store(middle, std::memory_order_release);
  }
  return middle;
}

void RefTable::Set(SeriesRef ref, MemSeries* series) {
  const uint64_t n = static_cast<uint64_t>(ref);
  CHECK(n <= kMaxRef);
  absl::MutexLock lock(&mu_);
  Middle* const middle = MiddleOf(n);
  std::atomic<Leaf*>& place = middle->leaves[LeafNumber(n)];
  Leaf* leaf = place.load(std::memory_order_relaxed);
  if (leaf == nullptr) place.store(leaf = new Leaf, std::memory_order_release);
  ++middle->live[LeafNumber(n)];
  leaf->series[n % (1 << kLeafBits)].store(series, std::memory_order_release);
}

void RefTable::Clear(SeriesRef ref, Garbage* garbage) {
  const uint64_t n = static_cast<uint64_t>(ref);
  absl::MutexLock lock(&mu_);
  Middle* const middle = MiddleOf(n);
  std::atomic<Leaf*>& place = middle->leaves[LeafNumber(n)];
  Leaf* leaf = place.load(std::memory_order_relaxed);
  leaf->series[n % (1 << kLeafBits)].store(nullptr, std::memory_order_release);
  if (--middle->live[LeafNumber(n)] > 0) return;
  place.store(nullptr, std::memory_order_release);
  garbage->push_back(std::shared_ptr<Leaf>(leaf));
}

SeriesMap::SeriesMap() = default;

SeriesMap::~SeriesMap() {
  ForEach([this](MemSeries* series) { pool_.Delete(series); });
}

MemSeries* SeriesMap::FindIn(const Table& table, const base::Hash128& hash) {
  const uint64_t tag = Tag(hash);
  for (size_t i = Start(hash);; ++i) {
    const uint64_t slot = table.slots[i & table.mask].load(std::memory_order_acquire);
    if (slot == 0) return nullptr;
    if (slot == kGrave || (slot & 0xffff000000000000ull) != tag) continue;
    MemSeries* series = Pointer(slot);
    if (series->hash == hash) return series;
  }
}

MemSeries* SeriesMap::Find(const base::Hash128& hash) const {
  const Table* table = ShardOf(hash).table.load(std::memory_order_acquire);
  return table == nullptr ? nullptr : FindIn(*table, hash);
}

void SeriesMap::Prefetch(const base::Hash128& hash) const {
  const Table* table = ShardOf(hash).table.load(std::memory_order_acquire);
  if (table != nullptr) __builtin_prefetch(&table->slots[Start(hash) & table->mask]);
}

void SeriesMap::PrefetchSeries(const base::Hash128& hash) const {
  const Table* table = ShardOf(hash).table.load(std::memory_order_acquire);
  if (table == nullptr) return;
  const uint64_t tag = Tag(hash);
  for (size_t i = Start(hash);; ++i) {
    const uint64_t slot = table->slots[i & table->mask].load(std::memory_order_acquire);
    if (slot == 0) return;
    if (slot == kGrave || (slot & 0xffff000000000000ull) != tag) continue;
    const char* p = reinterpret_cast<const char*>(Pointer(slot));
    __builtin_prefetch(p);
    __builtin_prefetch(p + 64);
    return;
  }
}

void SeriesMap::Insert(Table* table, MemSeries* series) {
  const uint64_t pointer = reinterpret_cast<uint64_t>(series);
  DCHECK(pointer >> 48 == 0);
  size_t i = Start(series->hash);
  while (table->slots[i & table->mask].load(std::memory_order_relaxed) != 0) ++i;
  table->slots[i & table->mask].store(pointer | Tag(series->hash), std::memory_order_release);
}

// Room for one more, a quarter of the slots always empty.
void SeriesMap::Reserve(Shard* shard) {
  const size_t capacity = shard->owned == nullptr ? 0 : shard->owned->mask + 1;
  if ((shard->used + 1) * 4 <= capacity * 3) return;
  size_t wanted = 16;
  while (wanted < shard->live * 2) wanted *= 2;
  auto table = std::make_shared<Table>(wanted);
  for (size_t i = 0; i < capacity; ++i) {
    const uint64_t slot = shard->owned->slots[i].load(std::memory_order_relaxed);
    if (slot > kGrave) Insert(table.get(), Pointer(slot));
  }
  shard->table.store(table.get(), std::memory_order_release);
  if (shard->owned != nullptr) shard->garbage.push_back(std::move(shard->owned));
  shard->owned = std::move(table);
  shard->used = shard->live;
}

MemSeries* SeriesMap::FindOrCreate(const base::Hash128& hash, absl::FunctionRef<MemSeries*()> make,
                                   absl::FunctionRef<void(MemSeries*)> visit) {
  Shard& shard = ShardOf(hash);
  absl::MutexLock lock(&shard.mu);
  if (shard.owned != nullptr) {
    if (MemSeries* series = FindIn(*shard.owned, hash)) {
      visit(series);
      return series;
    }
  }
  MemSeries* series = make();
  if (series == nullptr) return nullptr;
  Reserve(&shard);
  refs_.Set(series->ref, series);
  Insert(shard.owned.get(), series);
  ++shard.used;
  ++shard.live;
  size_.fetch_add(1, std::memory_order_relaxed);
  return series;
}

bool SeriesMap::EraseIf(MemSeries* series, absl::FunctionRef<bool()> may) {
  Shard& shard = ShardOf(series->hash);
  absl::MutexLock lock(&shard.mu);
  if (!may()) return false;
  Table& table = *shard.owned;
  size_t i = Start(series->hash);
  while (Pointer(table.slots[i & table.mask].load(std::memory_order_relaxed)) != series) ++i;
  table.slots[i & table.mask].store(kGrave, std::memory_order_release);
  refs_.Clear(series->ref, &shard.garbage);
  --shard.live;
  size_.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

void SeriesMap::ForEach(absl::FunctionRef<void(MemSeries*)> visit) const {
  std::vector<MemSeries*> found;
  for (Shard& shard : shards_) {
    found.clear();
    {
      absl::MutexLock lock(&shard.mu);
      if (shard.owned == nullptr) continue;
      for (size_t i = 0; i <= shard.owned->mask; ++i) {
        const uint64_t slot = shard.owned->slots[i].load(std::memory_order_relaxed);
        if (slot > kGrave) found.push_back(Pointer(slot));
      }
    }
    for (MemSeries* series : found) visit(series);
  }
}

uint64_t SeriesMap::table_bytes() const {
  uint64_t bytes = 0;
  for (Shard& shard : shards_) {
    absl::MutexLock lock(&shard.mu);
    if (shard.owned != nullptr) bytes += (shard.owned->mask + 1) * sizeof(uint64_t);
  }
  return bytes;
}

Garbage SeriesMap::TakeGarbage() {
  Garbage all;
  for (Shard& shard : shards_) {
    absl::MutexLock lock(&shard.mu);
    for (auto& old : shard.garbage) all.push_back(std::move(old));
    shard.garbage.clear();
  }
  return all;
}

}  // namespace storage
