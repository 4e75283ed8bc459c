// What a block store consists of, for block_store*.cc only: opening is in block_store_open.cc, all that
// changes what is there in block_store_change.cc.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <absl/synchronization/mutex.h>

#include "storage/base/hash.h"
#include "storage/block/block_db.h"
#include "storage/block/block_store.h"
#include "storage/block/block_writer.h"
#include "storage/block/fingerprint.h"
#include "storage/block/live_list.h"
#include "storage/block/stored_meta.h"

namespace storage {

class BlockStore::Impl final : public block::Publisher {
 public:
  Impl(std::string dir, int64_t cache_bytes)
      : dir_(std::move(dir)), cache_bytes_(cache_bytes) {}
  ~Impl() override = default;

  absl::Status Open();
  absl::Status OpenReadOnly();
  absl::Status Commit(std::span<block::Unpublished> blocks, std::optional<uint32_t> watermark,
                      const block::DeleteLink& since) override;
  absl::StatusOr<std::unique_ptr<BlockWriter>> NewBlock(BlockMeta meta);
  absl::Status Drop(const std::string& ulid);
  absl::Status Delete(std::span<const std::vector<model::Matcher>> sets, model::TimeRange range);
  absl::StatusOr<std::unique_ptr<HeldFiles>> Hold();
  absl::Status Close();

  std::vector<std::shared_ptr<const block::Block>> Blocks() const {
    absl::MutexLock lock(&mu_);
    AwaitReopening();
    return blocks_;
  }
  // As Blocks, but kUnavailable when they could not be opened again.
  absl::StatusOr<std::vector<std::shared_ptr<const block::Block>>> ReadableBlocks() const {
    absl::MutexLock lock(&mu_);
    AwaitReopening();
    RETURN_IF_ERROR(unreadable_);
    return blocks_;
  }
  absl::StatusOr<std::shared_ptr<const block::Block>> Find(const std::string& ulid) const;
  uint32_t watermark() const {
    absl::MutexLock lock(&mu_);
    return watermark_;
  }
  bool watermark_lost() const {
    absl::MutexLock lock(&mu_);
    return watermark_lost_;
  }
  void set_watermark(uint32_t segment) {
    absl::MutexLock lock(&mu_);
    watermark_ = segment;
    watermark_lost_ = false;
  }
  uint64_t generation() const {
    absl::MutexLock lock(&mu_);
    return generation_;
  }
  BlockStoreStats stats() const;
  DamageList* damage() const { return damage_.get(); }
  void set_changes(std::shared_ptr<ChangeLog> changes) {
    damage_->set_changes(changes);
    changes_ = std::move(changes);
  }
  std::string Fingerprint() const { return block::Fingerprint(Blocks()); }
  absl::Status VerifyShared(const std::function<void(Damage)>& tell) const;
  void SetCacheBytes(int64_t bytes) {
    cache_bytes_ = bytes;
    absl::MutexLock lock(&mu_);
    if (db_ != nullptr) db_->SetCacheBytes(bytes);
  }
  int64_t cache_used_bytes() const {
    absl::MutexLock lock(&mu_);
    return db_ == nullptr ? 0 : db_->cache_used_bytes();
  }

 private:
  using Block = block::Block;
  using Db = block::Db;

  static constexpr std::string_view kUnfinishedDir = "/unfinished";  // Files of writers at work.

  // Takes over what lies in the directory.
  absl::Status Load(Db::Mode mode) ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_, mu_);
  absl::Status OpenDb(Db::Mode mode, std::vector<Db::Family>* families)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_, mu_);
  absl::Status OpenAll(const block::LiveList& live, std::vector<Db::Family>* families)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_, mu_);
  absl::Status CheckNotHeadless() const;
  // `without`: a block about to be dropped, or null.
  std::optional<block::LiveList> ListLive(const Block* without) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CompareWith(const block::LiveList& live) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // For a MANIFEST that is lost one day.
  void RecordLive(std::optional<block::LiveList> live) ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_);
  // For whoever is about to write.
  absl::Status EnsureWritable() ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_);
  absl::Status Reopen() ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_, mu_);
  bool HasReaders() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_, mu_);
  void AwaitReopening() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const auto over = [this] { return !reopening_; };
    mu_.Await(absl::Condition(&over));
  }
  absl::Status LoseWatermark(const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status CheckFormat(Db& db, bool has_families)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_, mu_);
  // A table of `changes` to the default family, in *path; what nobody needs goes with them.
  absl::Status WriteDefaults(block::KeyChanges changes, std::string* path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_);
  void LoadTombstones(std::span<const std::shared_ptr<Block>> blocks,
                      const base::StringSet& families) ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_);
  void Tidy(std::vector<Db::Family> families) ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_, mu_);
  absl::StatusOr<std::vector<std::shared_ptr<Block>>> NewFamilies(
      std::span<block::Unpublished> blocks) ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_);
  void SortBlocks() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Drops families of blocks nobody is to see any more; what fails is tried again next time.
  void DropDoomed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_);

  const std::string dir_;
  const std::shared_ptr<DamageList> damage_ = std::make_shared<DamageList>();
  std::shared_ptr<ChangeLog> changes_;  // May be null.
  bool read_only_ = false;  // For ever. Constant after opening.
  std::atomic<int64_t> cache_bytes_;
  std::shared_ptr<Db> db_;  // Changed under both locks, so read under either.

  absl::Mutex commit_mu_;  // Taken before mu_; held over the disk's work.
  std::vector<std::shared_ptr<const Block>> doomed_ ABSL_GUARDED_BY(commit_mu_);
  std::set<std::string> stray_keys_ ABSL_GUARDED_BY(commit_mu_);  // Tombstones of dropped blocks.
  std::shared_ptr<block::DeleteLink> last_delete_ ABSL_GUARDED_BY(commit_mu_) =
      std::make_shared<block::DeleteLink>();
  uint64_t next_file_ ABSL_GUARDED_BY(commit_mu_) = 0;
  bool closed_ ABSL_GUARDED_BY(commit_mu_) = false;

  mutable absl::Mutex mu_;
  std::vector<std::shared_ptr<const Block>> blocks_ ABSL_GUARDED_BY(mu_);  // By range.min.
  uint32_t watermark_ ABSL_GUARDED_BY(mu_) = 0;
  bool watermark_lost_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t generation_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t lost_blocks_ ABSL_GUARDED_BY(mu_) = 0;  // By a rescue, for want of their tables.
  bool deletes_lost_ ABSL_GUARDED_BY(mu_) = false;  // By a rescue: what was deleted may show.
  bool reopening_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status unreadable_ ABSL_GUARDED_BY(mu_);  // Why RocksDB is not open, when it is not.
  BlockStoreStats stats_ ABSL_GUARDED_BY(mu_);
};

}  // namespace storage
