// Finds series: by the hash of their labels, and by ref. Looking up takes no lock; whoever does it
// is inside the Gate. Creating and unlinking lock one of the shards.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/functional/function_ref.h>
#include <absl/synchronization/mutex.h>

#include "storage/head/series.h"

namespace storage {

// Memory for series, in slabs. Thread-safe.
class SeriesPool {
 public:
  MemSeries* New();
  void Delete(MemSeries* series);

 private:
  static constexpr size_t kSlab = 112;  // 14 KiB: the largest that jemalloc packs closely.
  struct Slot {
    alignas(MemSeries) unsigned char bytes[sizeof(MemSeries)];
  };
  absl::Mutex mu_;
  std::vector<std::unique_ptr<Slot[]>> slabs_ ABSL_GUARDED_BY(mu_);
  std::vector<void*> free_ ABSL_GUARDED_BY(mu_);
};

// Memory that readers inside the gate may still look at; freed by letting go of it.
using Garbage = std::vector<std::shared_ptr<void>>;

// ref -> series: pages of neighbouring refs, and where the pages are by hash, so that refs may lie far
// apart.
class RefTable {
 public:
  static constexpr uint64_t kMaxRef = (uint64_t{1} << 60) - 1;

  RefTable();
  ~RefTable();
  MemSeries* Find(SeriesRef ref) const;  // Null when there is none.
  void Set(SeriesRef ref, MemSeries* series);  // Thread-safe.
  void Clear(SeriesRef ref, Garbage* garbage);  // Thread-safe; of a ref that was set.

 private:
  static constexpr int kLeafBits = 8, kMiddleBits = 12, kTopBits = 16;
  static constexpr uint64_t kTopMask = (uint64_t{1} << kTopBits) - 1;
  struct Leaf {  // 2 KiB to the byte, which the allocator has a class of.
    std::array<std::atomic<MemSeries*>, 1 << kLeafBits> series{};
  };
  struct Middle {
    explicit Middle(uint64_t number) : page(number) {}
    const uint64_t page;  // The refs whose bits above these are so.
    std::array<std::atomic<Leaf*>, 1 << kMiddleBits> leaves{};
    std::array<uint16_t, 1 << kMiddleBits> live{};  // Refs of each leaf that are set. Guarded by mu_.
  };
  const Middle* FindMiddle(uint64_t page) const;
  static size_t LeafNumber(uint64_t n) { return (n >> kLeafBits) % (1 << kMiddleBits); }
  Middle* MiddleOf(uint64_t n) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);  // Made when there is none.

  absl::Mutex mu_;  // Of growing and shrinking.
  size_t pages_ ABSL_GUARDED_BY(mu_) = 0;
  // Open addressing, by the low bits of the page. Zero pages of the kernel where it is not used.
  std::atomic<Middle*>* const top_;
};

class SeriesMap {
 public:
  SeriesMap();
  ~SeriesMap();  // Frees the series that are linked.

  MemSeries* Find(const base::Hash128& hash) const;
  MemSeries* Find(SeriesRef ref) const { return refs_.Find(ref); }
  void Prefetch(const base::Hash128& hash) const;        // Of where it would be listed,
  void PrefetchSeries(const base::Hash128& hash) const;  // and, some time later, of itself.

  // The series of `hash`; else what `make` gives, which may be null. `visit` is called on the
  // result when it was there already. Both under the shard's lock.
  MemSeries* FindOrCreate(const base::Hash128& hash, absl::FunctionRef<MemSeries*()> make,
                          absl::FunctionRef<void(MemSeries*)> visit);
  // Unlinks `series` when `may` says so, under the shard's lock.
  bool EraseIf(MemSeries* series, absl::FunctionRef<bool()> may);

  uint64_t size() const { return size_.load(std::memory_order_relaxed); }
  // Every series, in no order. Series created meanwhile may be missing.
  void ForEach(absl::FunctionRef<void(MemSeries*)> visit) const;
  uint64_t table_bytes() const;

  Garbage TakeGarbage();  // Of all that was replaced and unlinked so far.

  SeriesPool* pool() { return &pool_; }

 private:
  // A slot holds a pointer in its low 48 bits and as many bits of the hash as fit above.
  struct Table {
    explicit Table(size_t capacity)
        : mask(capacity - 1), slots(std::make_unique<std::atomic<uint64_t>[]>(capacity)) {}
    const size_t mask;
    const std::unique_ptr<std::atomic<uint64_t>[]> slots;
  };
  struct alignas(64) Shard {
    mutable absl::Mutex mu;
    std::atomic<Table*> table{nullptr};
    std::shared_ptr<Table> owned ABSL_GUARDED_BY(mu);
    size_t used ABSL_GUARDED_BY(mu) = 0;  // Series and graves.
    size_t live ABSL_GUARDED_BY(mu) = 0;
    Garbage garbage ABSL_GUARDED_BY(mu);
  };
  static constexpr int kShards = 64;
  static constexpr uint64_t kGrave = 1;

  static MemSeries* Pointer(uint64_t slot) {
    return reinterpret_cast<MemSeries*>(slot & 0xffffffffffffull);
  }
  static uint64_t Tag(const base::Hash128& hash) { return hash.low & 0xffff000000000000ull; }
  static size_t Start(const base::Hash128& hash) { return hash.high >> 6; }
  Shard& ShardOf(const base::Hash128& hash) const { return shards_[hash.high % kShards]; }
  static MemSeries* FindIn(const Table& table, const base::Hash128& hash);
  static void Insert(Table* table, MemSeries* series);
  void Reserve(Shard* shard) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->mu);

  SeriesPool pool_;
  RefTable refs_;
  mutable std::array<Shard, kShards> shards_;
  std::atomic<uint64_t> size_{0};
};

}  // namespace storage
