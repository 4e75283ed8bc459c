#include "storage/block/rescue.h"

#include <filesystem>
#include <map>
#include <memory>

#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>

#include "storage/base/log.h"
#include "storage/base/status.h"
#include "storage/block/block_db.h"
#include "storage/block/block_keys.h"
#include "storage/block/block_writer.h"
#include "storage/block/tombstones.h"
#include "wal/file.h"

namespace storage::block {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kCacheBytes = 1 << 20;

class Rescuer {
 public:
  Rescuer(const std::string& dir, const LiveList& live) : dir_(dir), live_(live) {}

  absl::StatusOr<Rescued> Run() {
    if (!RescueBegan(dir_)) RETURN_IF_ERROR(PutAside());
    RETURN_IF_ERROR(Clear());
    RETURN_IF_ERROR(Rebuild());
    // From here on the directory stands by itself.
    RETURN_IF_ERROR(files_->Rename(aside_, making_));
    RETURN_IF_ERROR(files_->SyncDir(dir_));
    RETURN_IF_ERROR(files_->RemoveTree(making_));
    return std::move(rescued_);
  }

 private:
  absl::Status Link(const std::string& from, const std::string& to) {
    std::error_code error;
    fs::create_hard_link(from, to, error);
    if (!error) return absl::OkStatus();
    return base::Unavailable("linking {} to {}: {}", from, to, error.message());
  }

  absl::Status PutAside() {
    RETURN_IF_ERROR(files_->RemoveTree(making_));
    RETURN_IF_ERROR(files_->CreateDirs(making_));
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(dir_, error)) {
      const std::string name = entry.path().filename();
      if (!name.ends_with(".sst")) continue;
      RETURN_IF_ERROR(Link(entry.path(), making_ + "/" + name));
    }
    if (error) return base::Unavailable("{}: {}", dir_, error.message());
    RETURN_IF_ERROR(files_->SyncDir(making_));
    RETURN_IF_ERROR(files_->Rename(making_, aside_));
    return files_->SyncDir(dir_);
  }

  // Of all but the list and what is put aside.
  absl::Status Clear() {
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(dir_, error)) {
      const std::string path = entry.path();
      if (path == aside_ || path == LiveListPath(dir_)) continue;
      RETURN_IF_ERROR(files_->RemoveTree(path));
    }
    if (error) return base::Unavailable("{}: {}", dir_, error.message());
    return files_->CreateDirs(unfinished_);
  }

  absl::Status Rebuild() {
    std::vector<Db::Family> none;
    ASSIGN_OR_RETURN(const std::shared_ptr<Db> db,
                     Db::Open(dir_, kCacheBytes, Db::Mode::kReadWrite,
                              std::make_shared<DamageList>(), &none));
    for (const LiveList::Entry& block : live_.blocks) {
      const absl::Status status = AddBlock(block, *db);
      if (absl::IsUnavailable(status)) return status;
      if (status.ok()) {
        ++rescued_.blocks;
        continue;
      }
      rescued_.lost.push_back(block.ulid);
      base::Log(base::LogLevel::kError, "blocks", "A block could not be rescued",
                {{"block", block.ulid}, {"err", std::string(base::message(status))}});
    }
    KeyChanges changes;
    changes[std::string(kFormatKey)] = NumberValue(kFormatVersion);
    changes[std::string(kWatermarkKey)] = NumberValue(live_.watermark);
    for (const auto& [key, deleted] : FindTombstones()) deleted.AppendTo(&changes[key].emplace());
    const std::string table = unfinished_ + "/default";
    RETURN_IF_ERROR(WriteTable(table, changes));
    return db->IngestAll({{nullptr, {table}}});
  }

  absl::Status AddBlock(const LiveList::Entry& block, Db& db) {
    std::vector<std::string> tables;
    for (const std::string& table : block.tables) {
      std::error_code error;
      if (!fs::exists(aside_ + "/" + table, error)) return base::DataLoss("{} is gone", table);
      tables.push_back(unfinished_ + "/" + table);
      RETURN_IF_ERROR(Link(aside_ + "/" + table, tables.back()));
    }
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    RETURN_IF_ERROR(db.CreateFamilies({block.ulid}, &handles));
    absl::Status status = db.IngestAll({{handles[0], tables}});
    if (!status.ok() && !absl::IsUnavailable(status)) status.Update(db.DropFamily(handles[0]));
    db.DestroyHandle(handles[0]);
    return status;
  }

  // By key. What is deleted of a block only ever grows, so older records add nothing.
  std::map<std::string, Tombstones> FindTombstones() {
    base::StringSet known, wanted;
    for (const LiveList::Entry& block : live_.blocks) {
      known.insert(block.tables.begin(), block.tables.end());
      wanted.insert(std::string(kTombstonesPrefix) + block.ulid);
    }
    std::map<std::string, Tombstones> found;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(aside_, error)) {
      if (known.contains(entry.path().filename().string())) continue;
      rocksdb::SstFileReader reader(TableOptions(/*level=*/0, /*index=*/true));
      if (!reader.Open(entry.path()).ok()) {  // Perhaps a stray one; nothing can be said of it.
        rescued_.deletes_lost = true;
        continue;
      }
      const std::unique_ptr<rocksdb::Iterator> it(reader.NewIterator(rocksdb::ReadOptions()));
      const std::string prefix(kTombstonesPrefix);
      for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next()) {
        const std::string key = it->key().ToString();
        const auto value = Tombstones::Parse({it->value().data(), it->value().size()});
        if (value && wanted.contains(key)) found[key] = Tombstones::Union(found[key], *value);
      }
      rescued_.deletes_lost = rescued_.deletes_lost || !it->status().ok();
    }
    return found;
  }

  wal::FileSystem* const files_ = wal::FileSystem::Posix();
  const std::string dir_;
  const LiveList& live_;
  const std::string aside_ = dir_ + "/rescue", making_ = dir_ + "/rescue.tmp";
  const std::string unfinished_ = dir_ + "/unfinished";
  Rescued rescued_;
};

}  // namespace

bool RescueBegan(const std::string& dir) {
  std::error_code error;
  return fs::exists(dir + "/rescue", error);
}

absl::StatusOr<Rescued> Rescue(const std::string& dir, const LiveList& live) {
  return Rescuer(dir, live).Run();
}

}  // namespace storage::block
