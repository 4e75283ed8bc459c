// How a block store is opened, and opened again after an error.
#include <algorithm>
#include <filesystem>

#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <rocksdb/db.h>

#include "storage/base/log.h"
#include "storage/base/status.h"
#include "storage/block/block_keys.h"
#include "storage/block/block_store_impl.h"
#include "storage/block/rescue.h"
#include "storage/block/tombstones.h"

namespace storage {
namespace {

using block::Block;
using block::Db;

constexpr absl::Duration kLongestWaitForReaders = absl::Seconds(2);
constexpr absl::Duration kWaitStep = absl::Milliseconds(5);

}  // namespace

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
  deletes_lost_ = deletes_lost_ || rescued.deletes_lost;
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
  absl::Status status;
  if (gone != live.blocks.end()) {
    status = base::DataLoss("{}: the MANIFEST lacks block {}", dir_, gone->ulid);
  } else if (status = block::CheckShared(*db_); absl::IsDataLoss(status)) {
    damage_->Add({.what = fmt::format("{}; it was made anew", base::message(status)),
                  .found_by = FoundBy::kStart});
    deletes_lost_ = true;  // Perhaps.
  } else {
    return absl::OkStatus();
  }
  for (const Db::Family& family : *families) db_->DestroyHandle(family.handle);
  families->clear();
  db_.reset();
  return status;
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
  if (it->status().ok() && !deletes_lost_) return;
  const std::string why = it->status().ok() ? "a table is damaged" : it->status().ToString();
  for (const std::shared_ptr<Block>& block : blocks) {
    if (deletes_lost_ || block->tombstones()->empty()) block->set_tombstones_damaged();
  }
  base::Log(base::LogLevel::kError, "blocks",
            "Records of what was deleted cannot be read; deleted samples may show", {{"err", why}});
  damage_->Add({.what = "records of what was deleted cannot be read: " + why,
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

}  // namespace storage
