#include "storage/block/block_store.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include <absl/synchronization/mutex.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <rocksdb/db.h>

#include "storage/base/clock.h"
#include "storage/base/coding.h"
#include "storage/base/hash.h"
#include "storage/base/log.h"
#include "storage/base/status.h"
#include "storage/block/block_cursor.h"
#include "storage/block/block_db.h"
#include "storage/block/block_keys.h"
#include "storage/block/block_querier.h"
#include "storage/block/block_writer.h"
#include "storage/block/content_reader.h"
#include "storage/block/exemplar_query.h"
#include "storage/block/fingerprint.h"
#include "storage/block/hold.h"
#include "storage/block/live_list.h"
#include "storage/block/rescue.h"
#include "storage/block/series_classes.h"
#include "storage/block/stored_meta.h"
#include "storage/block/tombstones.h"
#include "storage/block/ulid.h"
#include "storage/block/verifier.h"

namespace storage {
namespace {

using block::Block;
using block::Db;

constexpr std::string_view kUnfinishedDir = "/unfinished";  // Files of writers at work.
constexpr absl::Duration kLongestWaitForReaders = absl::Seconds(2);
constexpr absl::Duration kWaitStep = absl::Milliseconds(5);

std::string TombstonesKey(std::string_view ulid) {
  return std::string(block::kTombstonesPrefix).append(ulid);
}

}  // namespace

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

  std::vector<std::shared_ptr<const Block>> Blocks() const {
    absl::MutexLock lock(&mu_);
    AwaitReopening();
    return blocks_;
  }
  // As Blocks, but kUnavailable when they could not be opened again.
  absl::StatusOr<std::vector<std::shared_ptr<const Block>>> ReadableBlocks() const {
    absl::MutexLock lock(&mu_);
    AwaitReopening();
    RETURN_IF_ERROR(unreadable_);
    return blocks_;
  }
  absl::StatusOr<std::shared_ptr<const Block>> Find(const std::string& ulid) const;
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
  bool reopening_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status unreadable_ ABSL_GUARDED_BY(mu_);  // Why RocksDB is not open, when it is not.
  BlockStoreStats stats_ ABSL_GUARDED_BY(mu_);
};

absl::Status BlockStore::Impl::Open() {
  absl::MutexLock commit(&commit_mu_);
  std::error_code error;
  std::filesystem::remove_all(dir_ + std::string(kUnfinishedDir), error);
  absl::MutexLock lock(&mu_);
  const absl::Status status = Load(Db::Mode::kReadWrite);
  if (!absl::IsUnavailable(status) || !std::filesystem::exists(dir_ + "/CURRENT", error)) {
    return status;
  }
  RETURN_IF_ERROR(Load(Db::Mode::kReadOnly));
  base::Log(base::LogLevel::kWarn, "blocks", "Blocks can be read but not written for now",
            {{"err", std::string(base::message(status))}});
  return absl::OkStatus();
}

absl::Status BlockStore::Impl::OpenReadOnly() {
  absl::MutexLock commit(&commit_mu_);
  absl::MutexLock lock(&mu_);
  read_only_ = true;
  const std::optional<block::LiveList> live = block::ReadLiveList(dir_);
  RETURN_IF_ERROR(Load(Db::Mode::kReadOnly));
  std::error_code error;
  if (!live && std::filesystem::exists(block::LiveListPath(dir_), error)) {
    damage_->Add({.what = "the second list of blocks is damaged", .found_by = FoundBy::kStart});
  }
  // A server that writes there may have changed both meanwhile.
  if (live && block::ReadLiveList(dir_) == live) CompareWith(*live);
  return absl::OkStatus();
}

void BlockStore::Impl::CompareWith(const block::LiveList& live) {
  if (block::LookAtManifest(dir_, live) == block::ManifestState::kNewer) return;
  base::StringSet known;
  for (const auto& block : blocks_) known.insert(block->meta().ulid);
  for (const Damage& damage : damage_->list()) known.insert(damage.block);  // Set aside.
  for (const block::LiveList::Entry& entry : live.blocks) {
    if (known.contains(entry.ulid)) continue;
    damage_->Add({.block = entry.ulid,
                  .what = "the MANIFEST lacks it; the next start makes it anew",
                  .found_by = FoundBy::kStart});
  }
}

absl::Status BlockStore::Impl::VerifyShared(const std::function<void(Damage)>& tell) const {
  std::shared_ptr<Db> db;
  {
    absl::MutexLock lock(&mu_);
    AwaitReopening();
    RETURN_IF_ERROR(unreadable_);
    db = db_;
  }
  if (db == nullptr) return base::FailedPrecondition("the block store is closed");
  block::VerifyShared(*db, tell);
  return absl::OkStatus();
}

absl::Status BlockStore::Impl::Load(Db::Mode mode) {
  if (mode == Db::Mode::kReadWrite) {
    const std::string unfinished = dir_ + std::string(kUnfinishedDir);
    std::error_code error;
    std::filesystem::create_directories(unfinished, error);
    if (error) return base::Unavailable("{}: {}", unfinished, error.message());
  }
  std::vector<Db::Family> families;
  RETURN_IF_ERROR(OpenDb(mode, &families));
  if (const absl::Status status = CheckFormat(*db_, !families.empty()); !status.ok()) {
    for (const Db::Family& family : families) db_->DestroyHandle(family.handle);
    db_.reset();
    return base::Annotate(status, dir_);
  }
  Tidy(std::move(families));
  if (mode == Db::Mode::kReadOnly) return absl::OkStatus();
  RecordLive(ListLive(nullptr));  // Before anything is removed that the list of before may name.
  DropDoomed();
  return db_->RemoveStrayTables();
}

absl::Status BlockStore::Impl::OpenDb(Db::Mode mode, std::vector<Db::Family>* families) {
  const std::optional<block::LiveList> live = block::ReadLiveList(dir_);
  if (mode == Db::Mode::kReadOnly || !live) {
    RETURN_IF_ERROR(CheckNotHeadless());
    ASSIGN_OR_RETURN(db_, Db::Open(dir_, cache_bytes_, mode, damage_, families));
    return absl::OkStatus();
  }
  absl::Status status = OpenAll(*live, families);
  if (!absl::IsDataLoss(status) && !absl::IsInternal(status)) return status;
  base::Log(base::LogLevel::kError, "blocks",
            "What RocksDB knows of its files is damaged, and is made anew from them",
            {{"dir", dir_}, {"err", std::string(base::message(status))}});
  ASSIGN_OR_RETURN(const block::Rescued rescued, block::Rescue(dir_, *live));
  lost_blocks_ = rescued.lost.size();
  for (const std::string& ulid : rescued.lost) {
    damage_->Add({.block = ulid,
                  .what = "a table of it is gone or useless, and what knew of it was damaged",
                  .found_by = FoundBy::kStart});
  }
  base::Log(base::LogLevel::kWarn, "blocks", "Blocks were rescued",
            {{"blocks", std::to_string(rescued.blocks)},
             {"lost", std::to_string(rescued.lost.size())}});
  ASSIGN_OR_RETURN(db_, Db::Open(dir_, cache_bytes_, mode, damage_, families));
  return absl::OkStatus();
}

// kDataLoss when not all of `live` is there.
absl::Status BlockStore::Impl::OpenAll(const block::LiveList& live,
                                       std::vector<Db::Family>* families) {
  if (block::RescueBegan(dir_)) return base::DataLoss("{}: a rescue was not finished", dir_);
  const block::ManifestState manifest = block::LookAtManifest(dir_, live);
  if (manifest == block::ManifestState::kDamaged) {
    return base::DataLoss("{}/{} is gone or was cut short", dir_, live.manifest);
  }
  ASSIGN_OR_RETURN(db_, Db::Open(dir_, cache_bytes_, Db::Mode::kReadWrite, damage_, families));
  // Also a newer one has all of it, since nothing is dropped before the list is without it.
  base::StringSet there;
  for (const Db::Family& family : *families) {
    if (db_->FamilyBytes(family.handle) > 0) there.insert(family.name);
  }
  const auto gone = std::find_if(live.blocks.begin(), live.blocks.end(), [&](const auto& block) {
    return !there.contains(block.ulid);
  });
  if (gone == live.blocks.end()) return absl::OkStatus();
  for (const Db::Family& family : *families) db_->DestroyHandle(family.handle);
  families->clear();
  db_.reset();
  return base::DataLoss("{}: the MANIFEST lacks block {}", dir_, gone->ulid);
}

// Tables without a CURRENT would be taken for strays of a new store, and removed.
absl::Status BlockStore::Impl::CheckNotHeadless() const {
  std::error_code error;
  if (std::filesystem::exists(dir_ + "/CURRENT", error)) return absl::OkStatus();
  if (block::RescueBegan(dir_)) {
    return base::DataLoss("{}: a rescue was not finished, and {} cannot be read", dir_,
                          block::LiveListPath(dir_));
  }
  for (const auto& entry : std::filesystem::directory_iterator(dir_, error)) {
    if (entry.path().extension() != ".sst") continue;
    return base::DataLoss("{}: there are tables, but neither CURRENT nor a LIVE that can be read", dir_);
  }
  return absl::OkStatus();
}

// Nothing while the watermark is not known.
std::optional<block::LiveList> BlockStore::Impl::ListLive(const Block* without) const {
  if (watermark_lost_) return std::nullopt;
  block::LiveList live;
  live.watermark = watermark_;
  for (const std::shared_ptr<const Block>& block : blocks_) {
    if (block.get() == without) continue;
    live.blocks.push_back({block->meta().ulid, db_->FamilyTables(block->handle())});
  }
  return live;
}

void BlockStore::Impl::RecordLive(std::optional<block::LiveList> live) {
  const auto write = [&]() -> absl::Status {
    if (!live) return base::Unavailable("the watermark is not known");
    ASSIGN_OR_RETURN(std::tie(live->manifest, live->manifest_bytes), db_->Manifest());
    return block::WriteLiveList(dir_, *live);
  };
  const absl::Status status = write();
  if (status.ok()) return;
  // An old one might bring back what is gone, and miss what has come.
  std::error_code ignored;
  std::filesystem::remove(block::LiveListPath(dir_), ignored);
  base::Log(base::LogLevel::kWarn, "blocks",
            "Without the second list of blocks a damaged MANIFEST could not be made anew",
            {{"err", std::string(base::message(status))}});
}

// Whether anybody but us holds a block. Under mu_ nobody can come to hold one.
bool BlockStore::Impl::HasReaders() const {
  const auto held = [](const std::shared_ptr<const Block>& block) { return block.use_count() > 1; };
  // A dropped block that is still read holds RocksDB as well, and is in neither list.
  const auto all = static_cast<int64_t>(blocks_.size() + doomed_.size());
  return std::any_of(blocks_.begin(), blocks_.end(), held) ||
         std::any_of(doomed_.begin(), doomed_.end(), held) || db_.use_count() > 1 + all;
}

absl::Status BlockStore::Impl::EnsureWritable() {
  if (closed_) return base::FailedPrecondition("the block store is closed");
  if (read_only_) return base::FailedPrecondition("the block store is open for reading only");
  if (db_ != nullptr && !db_->failed()) return absl::OkStatus();
  {
    absl::MutexLock lock(&mu_);
    reopening_ = true;
  }
  absl::Status status = base::Unavailable(
      "the block store stopped writing after an error and waits for its readers to open again");
  for (absl::Duration waited; waited < kLongestWaitForReaders; waited += kWaitStep) {
    {
      absl::MutexLock lock(&mu_);
      if (db_ == nullptr || !HasReaders()) {
        status = Reopen();
        break;
      }
    }
    absl::SleepFor(kWaitStep);
  }
  absl::MutexLock lock(&mu_);
  reopening_ = false;
  return status;
}

// Blocks are listed anew from what the disk has: a publish that failed may have reached it.
absl::Status BlockStore::Impl::Reopen() {
  const ChangeLog::Change change(changes_.get(), model::TimeRange());
  blocks_.clear();
  doomed_.clear();
  if (db_ != nullptr) stats_.damaged_chunks += db_->damaged_chunks().value();
  db_.reset();
  ++generation_;
  const absl::Status status = Load(Db::Mode::kReadWrite);
  if (status.ok()) {
    base::Log(base::LogLevel::kInfo, "blocks", "Opened again after an error");
    unreadable_ = absl::OkStatus();
    return status;
  }
  // Nothing can be written, but what is there can be read.
  unreadable_ = Load(Db::Mode::kReadOnly);
  return status;
}

// The blocks are good without it, and the log tells where to begin.
absl::Status BlockStore::Impl::LoseWatermark(const absl::Status& why) {
  base::Log(base::LogLevel::kError, "blocks",
            "What concerns all blocks is damaged; the log is read from its beginning",
            {{"dir", dir_}, {"err", std::string(base::message(why))}});
  damage_->Add({.what = fmt::format("what concerns all blocks: {}", base::message(why)),
                .found_by = FoundBy::kStart});
  watermark_lost_ = true;
  return absl::OkStatus();
}

absl::Status BlockStore::Impl::CheckFormat(Db& db, bool has_families) {
  const absl::StatusOr<uint64_t> format = block::ReadNumber(db, block::kFormatKey);
  if (absl::IsNotFound(format.status())) {
    // New, unless something else lives here.
    std::unique_ptr<rocksdb::Iterator> it(
        db.rocks()->NewIterator(rocksdb::ReadOptions(), db.default_family()));
    it->SeekToFirst();
    if (it->Valid() || has_families) {
      return base::FailedPrecondition("a RocksDB database, but not a block store: no format key");
    }
    if (read_only_) return absl::OkStatus();
    std::string file;
    RETURN_IF_ERROR(WriteDefaults({}, &file));
    return db.IngestAll({{nullptr, {file}}});
  }
  if (absl::IsDataLoss(format.status())) return LoseWatermark(format.status());
  RETURN_IF_ERROR(format.status());
  if (*format > block::kFormatVersion) {
    return base::FailedPrecondition(
        "block store format {} is newer than {}, the newest this version of tidemark knows",
        *format, block::kFormatVersion);
  }
  const absl::StatusOr<uint64_t> watermark = block::ReadNumber(db, block::kWatermarkKey);
  if (absl::IsNotFound(watermark.status())) return absl::OkStatus();
  if (absl::IsDataLoss(watermark.status())) return LoseWatermark(watermark.status());
  RETURN_IF_ERROR(watermark.status());
  if (*watermark > UINT32_MAX) return LoseWatermark(base::DataLoss("watermark {}", *watermark));
  watermark_ = static_cast<uint32_t>(*watermark);
  return absl::OkStatus();
}

absl::Status BlockStore::Impl::WriteDefaults(block::KeyChanges changes, std::string* path) {
  *path = fmt::format("{}{}/default-{}", dir_, kUnfinishedDir, next_file_++);
  changes[std::string(block::kFormatKey)] = block::NumberValue(block::kFormatVersion);
  for (const std::string& key : stray_keys_) changes[key] = std::nullopt;
  return block::WriteTable(*path, changes);
}

// Of the blocks found. Those of families that are no more go with the next change.
void BlockStore::Impl::LoadTombstones(std::span<const std::shared_ptr<Block>> blocks,
                                      const base::StringSet& families) {
  stray_keys_.clear();
  const std::unique_ptr<rocksdb::Iterator> it(
      db_->rocks()->NewIterator(rocksdb::ReadOptions(), db_->default_family()));
  const std::string prefix(block::kTombstonesPrefix);
  for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next()) {
    const std::string ulid = it->key().ToString().substr(prefix.size());
    if (!families.contains(ulid)) stray_keys_.insert(it->key().ToString());
    for (const std::shared_ptr<Block>& block : blocks) {
      if (block->meta().ulid != ulid) continue;
      auto tombstones = block::Tombstones::Parse({it->value().data(), it->value().size()});
      if (tombstones) {
        block->set_tombstones(*std::move(tombstones));
        continue;
      }
      block->set_tombstones_damaged();
      damage_->Add({.block = ulid,
                    .range = block->meta().range,
                    .what = "the record of what was deleted of it is damaged; deleted samples may show",
                    .found_by = FoundBy::kStart});
    }
  }
  if (it->status().ok()) return;
  for (const std::shared_ptr<Block>& block : blocks) {
    if (block->tombstones()->empty()) block->set_tombstones_damaged();
  }
  base::Log(base::LogLevel::kError, "blocks",
            "Records of what was deleted cannot be read; deleted samples may show",
            {{"err", it->status().ToString()}});
  damage_->Add({.what = "records of what was deleted cannot be read: " + it->status().ToString(),
                .found_by = FoundBy::kStart});
}

// A family without meta was never finished; one named as a parent has been replaced.
void BlockStore::Impl::Tidy(std::vector<Db::Family> families) {
  base::StringSet replaced;
  base::StringSet names;
  std::vector<std::shared_ptr<Block>> found;
  uint64_t unreadable = 0;
  for (const Db::Family& family : families) {
    names.insert(family.name);
    const absl::StatusOr<BlockMeta> meta = block::ReadMeta(*db_, family);
    if (meta.ok()) {
      replaced.insert(meta->parents.begin(), meta->parents.end());
      found.push_back(std::make_shared<Block>(db_, family.handle, *meta));
    } else if (absl::IsNotFound(meta.status())) {
      BlockMeta unfinished;
      unfinished.ulid = family.name;
      doomed_.push_back(std::make_shared<Block>(db_, family.handle, std::move(unfinished)));
    } else {
      ++unreadable;
      db_->DestroyHandle(family.handle);
      damage_->Add({.block = family.name,
                    .what = fmt::format("its meta cannot be read, and it is set aside: {}",
                                        base::message(meta.status())),
                    .found_by = FoundBy::kStart});
    }
  }
  LoadTombstones(found, names);
  std::vector<std::shared_ptr<const Block>> kept;
  for (std::shared_ptr<Block>& block : found) {
    const bool doomed = replaced.contains(block->meta().ulid);
    if (!doomed && block->meta().damaged_chunks > 0) {
      damage_->Add({.block = block->meta().ulid,
                    .range = block->meta().range,
                    .what = fmt::format("{} damaged chunks were left out when it was merged",
                                        block->meta().damaged_chunks),
                    .found_by = FoundBy::kMerge});
    }
    (doomed ? doomed_ : kept).push_back(std::move(block));
  }
  found.clear();
  if (!doomed_.empty() && !read_only_) {
    base::Log(base::LogLevel::kInfo, "blocks", "Removing blocks replaced or never finished",
              {{"blocks", std::to_string(doomed_.size())}});
  }
  blocks_ = std::move(kept);
  stats_.unreadable_blocks = unreadable + lost_blocks_;
  SortBlocks();
}

void BlockStore::Impl::SortBlocks() {
  std::sort(blocks_.begin(), blocks_.end(), [](const auto& a, const auto& b) {
    return std::tie(a->meta().range.min, a->meta().ulid) <
           std::tie(b->meta().range.min, b->meta().ulid);
  });
}

void BlockStore::Impl::DropDoomed() {
  if (db_->failed()) return;
  std::erase_if(doomed_, [&](const std::shared_ptr<const Block>& block) {
    if (db_->failed()) return false;
    const absl::Status status = db_->DropFamily(block->handle());
    if (!status.ok()) {
      base::Log(base::LogLevel::kWarn, "blocks", "Dropping a block failed; will try again",
                {{"block", block->meta().ulid}, {"err", std::string(base::message(status))}});
      return false;
    }
    if (!block->tombstones()->empty()) stray_keys_.insert(TombstonesKey(block->meta().ulid));
    return true;
  });
}

absl::StatusOr<std::unique_ptr<BlockWriter>> BlockStore::Impl::NewBlock(BlockMeta meta) {
  absl::MutexLock commit(&commit_mu_);
  if (closed_) return base::FailedPrecondition("the block store is closed");
  if (read_only_) return base::FailedPrecondition("the block store is open for reading only");
  const std::string path = fmt::format("{}{}/{}", dir_, kUnfinishedDir, next_file_++);
  return block::NewWriter(path, std::move(meta), this, last_delete_);
}

// Families of blocks to be published. What was made of them goes when it comes to an error.
absl::StatusOr<std::vector<std::shared_ptr<Block>>> BlockStore::Impl::NewFamilies(
    std::span<block::Unpublished> blocks) {
  std::vector<std::string> names;
  for (block::Unpublished& block : blocks) {
    block.meta.ulid = block::NewUlid(base::SystemClock::Get()->NowMs());
    names.push_back(block.meta.ulid);
  }
  std::vector<std::shared_ptr<Block>> made;
  if (names.empty()) return made;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const absl::Status status = db_->CreateFamilies(names, &handles);
  for (size_t i = 0; i < handles.size(); ++i) {
    made.push_back(std::make_shared<Block>(db_, handles[i], blocks[i].meta));
  }
  if (status.ok()) return made;
  doomed_.insert(doomed_.end(), made.begin(), made.end());
  DropDoomed();
  return status;
}

absl::Status BlockStore::Impl::Commit(std::span<block::Unpublished> blocks,
                                      std::optional<uint32_t> watermark,
                                      const block::DeleteLink& since) {
  absl::MutexLock commit(&commit_mu_);
  RETURN_IF_ERROR(EnsureWritable());
  std::vector<std::string> parents;
  std::vector<block::Tombstones> tombstones(blocks.size());
  for (size_t i = 0; i < blocks.size(); ++i) {
    parents = blocks[i].meta.parents;
    if (parents.empty()) continue;
    ASSIGN_OR_RETURN(tombstones[i], block::ResolveLateDeletes(since, blocks[i].files));
  }
  ASSIGN_OR_RETURN(const std::vector<std::shared_ptr<Block>> made, NewFamilies(blocks));
  std::string defaults;  // A table.
  const auto ingest = [&]() -> absl::Status {
    std::vector<Db::Ingest> parts;
    block::KeyChanges changes;
    if (watermark) changes[std::string(block::kWatermarkKey)] = block::NumberValue(*watermark);
    for (size_t i = 0; i < blocks.size(); ++i) {
      parts.push_back({made[i]->handle(), blocks[i].files});
      if (tombstones[i].empty()) continue;
      tombstones[i].AppendTo(&changes[TombstonesKey(blocks[i].meta.ulid)].emplace());
    }
    if (!changes.empty()) {
      RETURN_IF_ERROR(WriteDefaults(std::move(changes), &defaults));
      parts.push_back({nullptr, {defaults}});
    }
    if (parts.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(db_->IngestAll(parts));
    if (parts.back().handle == nullptr) stray_keys_.clear();
    return absl::OkStatus();
  };
  if (const absl::Status status = ingest(); !status.ok()) {
    std::error_code ignored;
    if (!defaults.empty()) std::filesystem::remove(defaults, ignored);
    doomed_.insert(doomed_.end(), made.begin(), made.end());
    DropDoomed();
    return status;
  }
  std::optional<block::LiveList> live;
  // Most often nothing that queries see changes. But a merge may leave things out, and which of two
  // values at one time wins depends on the blocks they lie in.
  const ChangeLog::Change change(changes_.get(), block::SpanOf(made, Blocks(), parents));
  {
    absl::MutexLock lock(&mu_);
    if (watermark) watermark_ = *watermark;
    if (!made.empty()) ++generation_;
    for (size_t i = 0; i < made.size(); ++i) {
      made[i]->set_tombstones(std::move(tombstones[i]));
      blocks_.push_back(made[i]);
      ++stats_.published;
    }
    std::erase_if(blocks_, [&](const std::shared_ptr<const Block>& old) {
      const bool replaced =
          std::find(parents.begin(), parents.end(), old->meta().ulid) != parents.end();
      if (replaced) {
        doomed_.push_back(old);
        damage_->BlockGone(old->meta().ulid);
      }
      return replaced;
    });
    SortBlocks();
    live = ListLive(nullptr);
  }
  RecordLive(std::move(live));
  DropDoomed();
  return absl::OkStatus();
}

absl::Status BlockStore::Impl::Drop(const std::string& ulid) {
  absl::MutexLock commit(&commit_mu_);
  RETURN_IF_ERROR(EnsureWritable());
  std::shared_ptr<const Block> block;
  std::optional<block::LiveList> live;
  {
    absl::MutexLock lock(&mu_);
    const auto it = std::find_if(blocks_.begin(), blocks_.end(),
                                 [&](const auto& b) { return b->meta().ulid == ulid; });
    if (it == blocks_.end()) return base::NotFound("no block {}", ulid);
    block = *it;
    live = ListLive(block.get());
  }
  DropDoomed();
  for (const auto& doomed : doomed_) {  // While the child is there, its parents cannot come back.
    const std::vector<std::string>& parents = block->meta().parents;
    if (std::find(parents.begin(), parents.end(), doomed->meta().ulid) != parents.end()) {
      return base::Unavailable("block {}: what it replaced could not be dropped yet", ulid);
    }
  }
  RecordLive(std::move(live));
  RETURN_IF_ERROR(db_->DropFamily(block->handle()));
  const ChangeLog::Change change(changes_.get(), block->meta().range);
  if (!block->tombstones()->empty()) stray_keys_.insert(TombstonesKey(ulid));
  absl::MutexLock lock(&mu_);
  std::erase(blocks_, block);
  damage_->BlockGone(ulid);
  ++stats_.dropped;
  return absl::OkStatus();
}

absl::Status BlockStore::Impl::Delete(std::span<const std::vector<model::Matcher>> sets,
                                      model::TimeRange range) {
  absl::MutexLock commit(&commit_mu_);
  RETURN_IF_ERROR(EnsureWritable());
  std::vector<std::pair<std::shared_ptr<const Block>, block::Tombstones>> touched;
  block::KeyChanges changes;
  for (std::shared_ptr<const Block>& block : Blocks()) {
    const BlockMeta& meta = block->meta();
    const bool has_exemplars = meta.num_exemplars > 0 && meta.exemplar_range.Overlaps(range);
    if (!meta.range.Overlaps(range) && !has_exemplars) continue;
    ASSIGN_OR_RETURN(const std::vector<block::DeletedSeries> deleted,
                     block::FindDeleted(block, sets, range));
    if (deleted.empty()) continue;
    block::Tombstones all = block::Tombstones::Add(*block->tombstones(), deleted);
    all.AppendTo(&changes[TombstonesKey(block->meta().ulid)].emplace());
    touched.emplace_back(std::move(block), std::move(all));
  }
  if (touched.empty()) return absl::OkStatus();
  std::string file;
  RETURN_IF_ERROR(WriteDefaults(std::move(changes), &file));
  RETURN_IF_ERROR(db_->IngestAll({{nullptr, {file}}}));
  stray_keys_.clear();
  last_delete_->sets.assign(sets.begin(), sets.end());
  last_delete_->range = range;
  last_delete_->next = std::make_shared<block::DeleteLink>();
  last_delete_ = last_delete_->next;
  const ChangeLog::Change change(changes_.get(), range);
  std::optional<block::LiveList> live;
  {
    absl::MutexLock lock(&mu_);
    for (auto& [block, tombstones] : touched) block->set_tombstones(std::move(tombstones));
    live = ListLive(nullptr);
  }
  RecordLive(std::move(live));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<HeldFiles>> BlockStore::Impl::Hold() {
  absl::MutexLock commit(&commit_mu_);
  RETURN_IF_ERROR(EnsureWritable());
  std::optional<block::LiveList> live;
  {
    absl::MutexLock lock(&mu_);
    live = ListLive(nullptr);
  }
  return block::Hold(db_, dir_, std::move(live));
}

absl::StatusOr<std::shared_ptr<const Block>> BlockStore::Impl::Find(const std::string& ulid) const {
  ASSIGN_OR_RETURN(std::vector<std::shared_ptr<const Block>> blocks, ReadableBlocks());
  for (std::shared_ptr<const Block>& block : blocks) {
    if (block->meta().ulid == ulid) return std::move(block);
  }
  return base::NotFound("no block {}", ulid);
}

BlockStoreStats BlockStore::Impl::stats() const {
  absl::MutexLock lock(&mu_);
  BlockStoreStats stats = stats_;
  if (db_ != nullptr) stats.damaged_chunks += db_->damaged_chunks().value();
  return stats;
}

absl::Status BlockStore::Impl::Close() {
  absl::MutexLock commit(&commit_mu_);
  if (closed_) return absl::OkStatus();
  closed_ = true;
  if (db_ != nullptr) DropDoomed();
  doomed_.clear();
  absl::MutexLock lock(&mu_);
  blocks_.clear();
  db_.reset();
  return absl::OkStatus();
}

absl::StatusOr<BlockMeta> BlockWriter::Publish(std::optional<uint32_t> watermark) {
  ASSIGN_OR_RETURN(std::vector<BlockMeta> metas, PublishAll(watermark));
  return metas.empty() ? BlockMeta() : std::move(metas.front());
}

BlockStore::BlockStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BlockStore::~BlockStore() = default;

absl::StatusOr<std::unique_ptr<BlockStore>> BlockStore::Open(std::string dir,
                                                             int64_t cache_bytes) {
  auto impl = std::make_unique<Impl>(std::move(dir), cache_bytes);
  RETURN_IF_ERROR(impl->Open());
  return std::unique_ptr<BlockStore>(new BlockStore(std::move(impl)));
}

absl::StatusOr<std::unique_ptr<BlockStore>> BlockStore::OpenReadOnly(std::string dir,
                                                                     int64_t cache_bytes) {
  auto impl = std::make_unique<Impl>(std::move(dir), cache_bytes);
  RETURN_IF_ERROR(impl->OpenReadOnly());
  return std::unique_ptr<BlockStore>(new BlockStore(std::move(impl)));
}

std::vector<BlockMeta> BlockStore::Metas() const {
  std::vector<BlockMeta> metas;
  for (const auto& block : impl_->Blocks()) {
    metas.push_back(block->meta());
    const auto tombstones = block->tombstones();
    metas.back().deleted_series = tombstones->num_series();
    metas.back().deleted_spans = tombstones->num_spans();
  }
  return metas;
}

uint32_t BlockStore::watermark() const { return impl_->watermark(); }

absl::StatusOr<std::unique_ptr<BlockWriter>> BlockStore::NewBlock(BlockMeta meta) {
  return impl_->NewBlock(std::move(meta));
}

absl::StatusOr<std::unique_ptr<Querier>> BlockStore::NewQuerier(const std::string& ulid,
                                                                model::TimeRange range) const {
  ASSIGN_OR_RETURN(std::shared_ptr<const Block> block, impl_->Find(ulid));
  return std::unique_ptr<Querier>(
      std::make_unique<block::BlockQuerier>(std::move(block), range));
}

absl::StatusOr<std::vector<std::unique_ptr<Querier>>> BlockStore::NewQueriers(
    model::TimeRange range) const {
  ASSIGN_OR_RETURN(std::vector<std::shared_ptr<const Block>> blocks, impl_->ReadableBlocks());
  std::vector<std::unique_ptr<Querier>> queriers;
  for (std::shared_ptr<const Block>& block : blocks) {
    if (!block->meta().range.Overlaps(range)) continue;
    queriers.push_back(std::make_unique<block::BlockQuerier>(std::move(block), range));
  }
  return queriers;
}

absl::StatusOr<std::vector<std::vector<ExemplarSeries>>> BlockStore::Exemplars(
    std::span<const std::vector<model::Matcher>> sets, model::TimeRange range,
    size_t* room) const {
  ASSIGN_OR_RETURN(std::vector<std::shared_ptr<const Block>> blocks, impl_->ReadableBlocks());
  std::vector<std::vector<ExemplarSeries>> parts;
  for (std::shared_ptr<const Block>& block : blocks) {
    ASSIGN_OR_RETURN(parts.emplace_back(),
                     block::FindExemplars(std::move(block), sets, range, room));
  }
  return parts;
}

absl::StatusOr<std::unique_ptr<BlockCursor>> BlockStore::NewCursor(const std::string& ulid,
                                                                   model::TimeRange range) const {
  ASSIGN_OR_RETURN(std::shared_ptr<const Block> block, impl_->Find(ulid));
  return std::unique_ptr<BlockCursor>(std::make_unique<block::Cursor>(std::move(block), range));
}

absl::StatusOr<std::unique_ptr<BlockVerifier>> BlockStore::NewVerifier(
    const std::string& ulid, std::function<void(Damage)> tell) const {
  ASSIGN_OR_RETURN(const std::shared_ptr<const Block> block, impl_->Find(ulid));
  return std::unique_ptr<BlockVerifier>(
      std::make_unique<block::Verifier>(*block, std::move(tell)));
}

absl::StatusOr<std::unique_ptr<BlockContents>> BlockStore::NewContents(
    const std::string& ulid) const {
  ASSIGN_OR_RETURN(const std::shared_ptr<const Block> block, impl_->Find(ulid));
  return std::unique_ptr<BlockContents>(std::make_unique<block::ContentReader>(*block));
}

absl::Status BlockStore::VerifyShared(const std::function<void(Damage)>& tell) const {
  return impl_->VerifyShared(tell);
}

DamageList* BlockStore::damage() const { return impl_->damage(); }

void BlockStore::SetCacheBytes(int64_t bytes) { impl_->SetCacheBytes(bytes); }
int64_t BlockStore::cache_used_bytes() const { return impl_->cache_used_bytes(); }

absl::StatusOr<std::vector<uint64_t>> BlockStore::CountByClass(
    const std::string& ulid,
    std::span<const std::vector<std::vector<model::Matcher>>> classes) const {
  ASSIGN_OR_RETURN(std::shared_ptr<const Block> block, impl_->Find(ulid));
  return block::CountByClass(std::move(block), classes);
}

bool BlockStore::watermark_lost() const { return impl_->watermark_lost(); }
void BlockStore::set_watermark(uint32_t segment) { impl_->set_watermark(segment); }

uint64_t BlockStore::generation() const { return impl_->generation(); }

absl::Status BlockStore::Delete(std::span<const std::vector<model::Matcher>> sets,
                                model::TimeRange range) {
  return impl_->Delete(sets, range);
}

absl::StatusOr<std::unique_ptr<HeldFiles>> BlockStore::Hold() { return impl_->Hold(); }

absl::Status BlockStore::Drop(const std::string& ulid) { return impl_->Drop(ulid); }

uint64_t BlockStore::bytes() const {
  uint64_t bytes = 0;
  for (const auto& block : impl_->Blocks()) bytes += block->meta().bytes;
  return bytes;
}

BlockStoreStats BlockStore::stats() const { return impl_->stats(); }
void BlockStore::set_changes(std::shared_ptr<ChangeLog> changes) {
  impl_->set_changes(std::move(changes));
}
std::string BlockStore::Fingerprint() const { return impl_->Fingerprint(); }

absl::Status BlockStore::Close() { return impl_->Close(); }

}  // namespace storage
