#include "storage/block/block_store.h"

#include <algorithm>

#include "storage/base/status.h"
#include "storage/block/block_cursor.h"
#include "storage/block/block_db.h"
#include "storage/block/block_querier.h"
#include "storage/block/block_store_impl.h"
#include "storage/block/content_reader.h"
#include "storage/block/exemplar_query.h"
#include "storage/block/series_classes.h"
#include "storage/block/verifier.h"

namespace storage {

using block::Block;
using block::Db;

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

void BlockStore::Impl::SortBlocks() {
  std::sort(blocks_.begin(), blocks_.end(), [](const auto& a, const auto& b) {
    return std::tie(a->meta().range.min, a->meta().ulid) <
           std::tie(b->meta().range.min, b->meta().ulid);
  });
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
