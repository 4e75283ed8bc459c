#include "api/storage_slot.h"

#include "storage/base/status.h"

namespace api {
namespace {
absl::Status NotReady() { return base::Unavailable("TSDB not ready"); }
}  // namespace

void StorageSlot::Set(storage::Database* database) {
  absl::MutexLock lock(&mu_);
  database_ = database;
}

void StorageSlot::SetCleaner(std::function<absl::Status()> clean) {
  absl::MutexLock lock(&mu_);
  clean_ = std::move(clean);
}

void StorageSlot::SetReplay(const storage::ReplayProgress& progress) {
  absl::MutexLock lock(&mu_);
  replay_ = progress;
}

storage::Database* StorageSlot::database() const {
  absl::MutexLock lock(&mu_);
  return database_;
}

absl::StatusOr<std::unique_ptr<storage::Querier>> StorageSlot::NewQuerier(model::TimeRange range) {
  storage::Database* db = database();
  if (db == nullptr) return NotReady();
  return db->NewQuerier(range);
}

storage::ChangeLog* StorageSlot::changes() {
  storage::Database* db = database();
  return db == nullptr ? nullptr : db->changes();
}

std::unique_ptr<storage::Appender> StorageSlot::NewAppender() {
  storage::Database* db = database();
  return db == nullptr ? nullptr : db->NewAppender();
}

absl::StatusOr<std::vector<storage::ExemplarSeries>> StorageSlot::Exemplars(
    std::span<const std::vector<model::Matcher>> matchers, model::TimeRange range) {
  storage::Database* db = database();
  if (db == nullptr) return NotReady();
  return db->Exemplars(matchers, range);
}

absl::StatusOr<storage::HeadInfo> StorageSlot::Head() {
  storage::Database* db = database();
  if (db == nullptr) return NotReady();
  return db->head_info();
}

absl::StatusOr<storage::Cardinality> StorageSlot::TopCardinality(size_t limit) {
  storage::Database* db = database();
  if (db == nullptr) return NotReady();
  return db->TopCardinality(limit);
}

absl::StatusOr<std::vector<storage::BlockMeta>> StorageSlot::BlockMetas() {
  storage::Database* db = database();
  if (db == nullptr) return NotReady();
  return db->blocks()->Metas();
}

absl::Status StorageSlot::Delete(std::span<const std::vector<model::Matcher>> sets,
                                 model::TimeRange range) {
  storage::Database* db = database();
  if (db == nullptr) return NotReady();
  return db->Delete(sets, range);
}

absl::Status StorageSlot::CleanTombstones() {
  std::function<absl::Status()> clean;
  {
    absl::MutexLock lock(&mu_);
    if (database_ != nullptr) clean = clean_;
  }
  return clean ? clean() : NotReady();
}

absl::Status StorageSlot::Snapshot(std::string_view name, bool skip_head) {
  storage::Database* db = database();
  if (db == nullptr) return NotReady();
  return db->Snapshot(fmt::format("{}/snapshots/{}", db->dir(), name), skip_head);
}

storage::ReplayProgress StorageSlot::Replay() {
  absl::MutexLock lock(&mu_);
  return replay_;
}

}  // namespace api
