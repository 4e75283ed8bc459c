// What changes a block store: publishing, dropping, deleting; and what is written beside for a MANIFEST
// that is lost one day.
#include <algorithm>
#include <filesystem>

#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/base/status.h"
#include "storage/block/block_keys.h"
#include "storage/block/block_store_impl.h"
#include "storage/block/deletes.h"
#include "storage/block/hold.h"
#include "storage/block/tombstones.h"
#include "storage/block/ulid.h"

namespace storage {
namespace {

using block::Block;
using block::Db;

std::string TombstonesKey(std::string_view ulid) {
  return std::string(block::kTombstonesPrefix).append(ulid);
}

}  // namespace

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

absl::Status BlockStore::Impl::WriteDefaults(block::KeyChanges changes, std::string* path) {
  *path = fmt::format("{}{}/default-{}", dir_, kUnfinishedDir, next_file_++);
  changes[std::string(block::kFormatKey)] = block::NumberValue(block::kFormatVersion);
  for (const std::string& key : stray_keys_) changes[key] = std::nullopt;
  return block::WriteTable(*path, changes);
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

}  // namespace storage
