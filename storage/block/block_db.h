// The RocksDB instance and one column family of it, for the files of this folder only.
//
// No key ever goes through a memtable: every family is filled by ingesting table files, and the
// watermark travels in the same ingest. RocksDB's own log therefore stays empty, and what one
// MANIFEST record lists is the whole state.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>

#include "storage/base/stats.h"
#include "storage/block/block_store.h"
#include "storage/block/tombstones.h"
#include "storage/damage.h"

namespace rocksdb {
class Cache;
class ColumnFamilyHandle;
class DB;
class Iterator;
class Status;
struct ColumnFamilyOptions;
struct Options;
}  // namespace rocksdb

namespace storage::block {

absl::Status FromRocks(const rocksdb::Status& status, std::string_view context);

// How the tables of a block are written. Level 0 lives two hours and is written by the minute, so
// it is packed lightly; what stays is packed well. The index tables have smaller blocks, since they
// are read by single keys.
rocksdb::Options TableOptions(int level, bool index);

// Thread-safe. Shared by the store and all blocks, and closed by the last of them.
//
// After a write that failed (a full disk) it only reads, and has to be opened again to write:
// DB::Resume of RocksDB 7.8.3 leaves it half stopped, and the next ingest dies of an assertion.
class Db {
 public:
  struct Family {
    std::string name;
    rocksdb::ColumnFamilyHandle* handle;  // Give it to a Block, or to DropFamily.
  };

  // Opens or creates; *families is all there are but the default one. Read-only needs no space on
  // the disk, changes nothing and counts as failed(). Damage met goes to `damage`.
  enum class Mode { kReadWrite, kReadOnly };
  static absl::StatusOr<std::shared_ptr<Db>> Open(const std::string& dir, int64_t cache_bytes,
                                                  Mode mode, std::shared_ptr<DamageList> damage,
                                                  std::vector<Family>* families);
  ~Db();

  rocksdb::DB* rocks() const { return rocks_; }
  rocksdb::ColumnFamilyHandle* default_family() const;
  int64_t cache_bytes() const { return cache_bytes_.load(std::memory_order_relaxed); }
  void SetCacheBytes(int64_t bytes);
  int64_t cache_used_bytes() const;
  bool failed() const { return failed_; }
  base::Counter& damaged_chunks() { return damaged_chunks_; }
  // Counts `chunks` and lists where they are; a Block's Damaged() says more easily of which.
  void Damaged(uint64_t chunks, Damage damage) {
    damaged_chunks_.Add(chunks);
    damage_->Add(std::move(damage));
  }

  // Appends their handles to *handles; after an error, of those that are there.
  absl::Status CreateFamilies(const std::vector<std::string>& names,
                              std::vector<rocksdb::ColumnFamilyHandle*>* handles);
  // Gone for the next Open; readers that hold it go on. The handle is not destroyed.
  absl::Status DropFamily(rocksdb::ColumnFamilyHandle* handle);
  void DestroyHandle(rocksdb::ColumnFamilyHandle* handle);
  // Moves `files` into their families as one step; `handle` null is the default family.
  struct Ingest {
    rocksdb::ColumnFamilyHandle* handle;
    std::vector<std::string> files;
  };
  absl::Status IngestAll(const std::vector<Ingest>& parts);
  uint64_t FamilyBytes(rocksdb::ColumnFamilyHandle* handle) const;
  std::vector<std::string> FamilyTables(rocksdb::ColumnFamilyHandle* handle) const;  // "000012.sst"
  // The MANIFEST's name, and how much of it is on the disk.
  absl::StatusOr<std::pair<std::string, uint64_t>> Manifest() const;
  // Tables that the MANIFEST does not name. Open leaves them, for whoever doubts the MANIFEST.
  absl::Status RemoveStrayTables();

 private:
  Db() = default;
  absl::Status Written(const rocksdb::Status& status, std::string_view context);

  std::atomic<bool> failed_{false};
  rocksdb::DB* rocks_ = nullptr;
  std::shared_ptr<rocksdb::Cache> cache_;
  std::atomic<int64_t> cache_bytes_{0};
  base::Counter damaged_chunks_;
  std::shared_ptr<DamageList> damage_;
};

// A block open for reading, dropped or not, as long as somebody holds it. Immutable, but for what
// is deleted of it.
class Block {
 public:
  // Takes the handle.
  Block(std::shared_ptr<Db> db, rocksdb::ColumnFamilyHandle* handle, BlockMeta meta)
      : db_(std::move(db)), handle_(handle), meta_(std::move(meta)) {}
  ~Block() { db_->DestroyHandle(handle_); }
  Block(const Block&) = delete;

  const BlockMeta& meta() const { return meta_; }
  Db& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* handle() const { return handle_; }
  uint32_t num_series() const { return static_cast<uint32_t>(meta_.num_series); }

  // What is deleted as of now; never null.
  std::shared_ptr<const Tombstones> tombstones() const {
    absl::MutexLock lock(&mu_);
    return tombstones_;
  }
  void set_tombstones(Tombstones tombstones) const {
    auto shared = std::make_shared<const Tombstones>(std::move(tombstones));
    absl::MutexLock lock(&mu_);
    tombstones_ = std::move(shared);
  }
  // They are on the disk but cannot be read: what was deleted shows again, and readers are told.
  bool tombstones_damaged() const { return tombstones_damaged_; }
  void set_tombstones_damaged() { tombstones_damaged_ = true; }

  // Over the whole family. `fill_cache` false for what is read once.
  std::unique_ptr<rocksdb::Iterator> NewIterator(bool fill_cache) const;
  std::string Context() const;  // "block 01ABC..."
  // Of a series, or with empty labels of more than one.
  void Damaged(FoundBy found_by, uint64_t chunks, model::LabelsView series, model::TimeRange range,
               std::string_view what) const;

 private:
  const std::shared_ptr<Db> db_;
  rocksdb::ColumnFamilyHandle* const handle_;
  const BlockMeta meta_;
  bool tombstones_damaged_ = false;  // Constant once listed.
  mutable absl::Mutex mu_;
  mutable std::shared_ptr<const Tombstones> tombstones_ ABSL_GUARDED_BY(mu_) =
      std::make_shared<const Tombstones>();
};

}  // namespace storage::block
