#include "storage/block/block_db.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <filesystem>

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/metadata.h>
#include <rocksdb/table.h>

#include "storage/base/log.h"
#include "storage/base/status.h"
#include "storage/block/block_files.h"
#include "wal/file.h"

namespace storage::block {
namespace {

// The least RocksDB takes: memtables stay empty here, and there is a pair per block.
constexpr size_t kWriteBufferBytes = 64 << 10;
constexpr size_t kArenaBlockBytes = 4 << 10;
constexpr int kManyFiles = 5000;  // Unlike -1: opened when they are needed.

std::shared_ptr<rocksdb::TableFactory> NewTableFactory(size_t block_size,
                                                       std::shared_ptr<rocksdb::Cache> cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_size = block_size;
  table.format_version = 5;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  if (cache) {
    table.block_cache = std::move(cache);
  } else {
    table.no_block_cache = true;  // For writing only.
  }
  return std::shared_ptr<rocksdb::TableFactory>(rocksdb::NewBlockBasedTableFactory(table));
}

rocksdb::ColumnFamilyOptions FamilyOptions(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = kWriteBufferBytes;
  options.arena_block_size = kArenaBlockBytes;
  options.num_levels = 2;
  options.disable_auto_compactions = true;  // A block is never changed.
  options.table_factory = NewTableFactory(64 << 10, cache);
  return options;
}

rocksdb::ColumnFamilyOptions DefaultFamilyOptions(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options = FamilyOptions(cache);
  options.disable_auto_compactions = false;  // Each publish leaves a file of a few bytes in it.
  options.compression = rocksdb::kNoCompression;
  return options;
}

// Errors of RocksDB go into our log. It must not have a file of its own: Debian's library is
// built with assertions, and one of them ends the process at the second line after a full disk.
class LogLines final : public rocksdb::Logger {
 public:
  LogLines() : rocksdb::Logger(rocksdb::ERROR_LEVEL) {}
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}  // Lines without a level are about the process.
  void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list args) override {
    if (level < GetInfoLogLevel()) return;
    char line[1024];
    std::vsnprintf(line, sizeof line, format, args);
    base::Log(base::LogLevel::kError, "rocksdb", line);
  }
};

rocksdb::DBOptions DatabaseOptions() {
  rocksdb::DBOptions options;
  options.env = BlockFiles();
  options.create_if_missing = true;
  options.max_open_files = -1;
  options.max_background_jobs = 2;
  options.max_file_opening_threads = 2;
  options.max_manifest_file_size = 1 << 20;
  options.info_log = std::make_shared<LogLines>();
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.skip_stats_update_on_db_open = true;
  options.max_bgerror_resume_count = 0;  // See Db.
  return options;
}

}  // namespace

absl::Status FromRocks(const rocksdb::Status& status, std::string_view context) {
  if (status.ok()) return absl::OkStatus();
  absl::StatusCode code = absl::StatusCode::kInternal;
  if (status.IsNotFound()) code = absl::StatusCode::kNotFound;
  if (status.IsIOError() || status.IsBusy() || status.IsAborted() || status.IsTryAgain()) {
    code = absl::StatusCode::kUnavailable;
  }
  // A table that is gone is as good as one that is damaged.
  if (status.IsCorruption() || status.IsPathNotFound()) code = absl::StatusCode::kDataLoss;
  return base::Error(code, "{}: {}", context, status.ToString());
}

rocksdb::Options TableOptions(int level, bool index) {
  rocksdb::Options options;
  options.env = BlockFiles();
  if (level == 0) {
    options.compression = rocksdb::kLZ4Compression;
  } else {
    options.compression = rocksdb::kZSTD;
    options.compression_opts.level = 3;
  }
  const size_t block_size = index ? 16 << 10 : level == 0 ? 32 << 10 : 64 << 10;
  options.table_factory = NewTableFactory(block_size, nullptr);
  return options;
}

absl::StatusOr<std::shared_ptr<Db>> Db::Open(const std::string& dir, int64_t cache_bytes,
                                             Mode mode, std::shared_ptr<DamageList> damage,
                                             std::vector<Family>* families) {
  std::error_code error;
  if (mode == Mode::kReadWrite) {
    RETURN_IF_ERROR(wal::FileSystem::Posix()->CreateDirs(dir));
  } else if (!std::filesystem::exists(dir + "/CURRENT", error)) {  // RocksDB would make the folder.
    return base::NotFound("{}: no blocks there", dir);
  }

  std::shared_ptr<Db> db(new Db);
  db->damage_ = std::move(damage);
  db->cache_bytes_ = cache_bytes;
  db->cache_ = rocksdb::NewLRUCache(static_cast<size_t>(std::max<int64_t>(cache_bytes, 0)));

  const rocksdb::DBOptions options = DatabaseOptions();
  std::vector<std::string> names = {rocksdb::kDefaultColumnFamilyName};
  if (std::filesystem::exists(dir + "/CURRENT", error)) {
    const rocksdb::Status status = rocksdb::DB::ListColumnFamilies(options, dir, &names);
    if (!status.ok()) return FromRocks(status, dir);
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const std::string& name : names) {
    descriptors.emplace_back(name, name == rocksdb::kDefaultColumnFamilyName
                                       ? DefaultFamilyOptions(db->cache_)
                                       : FamilyOptions(db->cache_));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  db->failed_ = mode == Mode::kReadOnly;
  const KeepTables keep;
  const auto open = [&](const rocksdb::DBOptions& with) {
    return mode == Mode::kReadOnly
               ? rocksdb::DB::OpenForReadOnly(with, dir, descriptors, &handles, &db->rocks_)
               : rocksdb::DB::Open(with, dir, descriptors, &handles, &db->rocks_);
  };
  rocksdb::Status status = open(options);
  if (status.IsCorruption() || status.IsPathNotFound()) {
    // A table is damaged or gone. Without looking at each on the way the others can be read.
    base::Log(base::LogLevel::kError, "blocks", "Opening with what is not damaged",
              {{"dir", dir}, {"err", status.ToString()}});
    rocksdb::DBOptions tolerant = options;
    tolerant.paranoid_checks = false;
    tolerant.max_open_files = kManyFiles;
    status = open(tolerant);
  }
  if (!status.ok()) return FromRocks(status, dir);
  for (size_t i = 0; i < handles.size(); ++i) {
    if (names[i] == rocksdb::kDefaultColumnFamilyName) {
      db->rocks_->DestroyColumnFamilyHandle(handles[i]);  // There is DefaultColumnFamily().
    } else {
      families->push_back({names[i], handles[i]});
    }
  }
  return db;
}

Db::~Db() {
  if (rocks_ == nullptr) return;
  const rocksdb::Status status = rocks_->Close();
  if (!status.ok()) {
    base::Log(base::LogLevel::kWarn, "blocks", "Closing failed", {{"err", status.ToString()}});
  }
  delete rocks_;
}

void Db::SetCacheBytes(int64_t bytes) {
  cache_bytes_ = bytes;
  cache_->SetCapacity(static_cast<size_t>(std::max<int64_t>(bytes, 0)));
}

int64_t Db::cache_used_bytes() const { return static_cast<int64_t>(cache_->GetUsage()); }

rocksdb::ColumnFamilyHandle* Db::default_family() const { return rocks_->DefaultColumnFamily(); }

absl::Status Db::Written(const rocksdb::Status& status, std::string_view context) {
  if (!status.ok()) failed_ = true;
  return FromRocks(status, context);
}

absl::Status Db::CreateFamilies(const std::vector<std::string>& names,
                                std::vector<rocksdb::ColumnFamilyHandle*>* handles) {
  return Written(rocks_->CreateColumnFamilies(FamilyOptions(cache_), names, handles),
                 "creating blocks");
}

absl::Status Db::DropFamily(rocksdb::ColumnFamilyHandle* handle) {
  return Written(rocks_->DropColumnFamily(handle), "dropping block " + handle->GetName());
}

void Db::DestroyHandle(rocksdb::ColumnFamilyHandle* handle) {
  rocks_->DestroyColumnFamilyHandle(handle);
}

absl::Status Db::IngestAll(const std::vector<Ingest>& parts) {
  std::vector<rocksdb::IngestExternalFileArg> args;
  for (const Ingest& part : parts) {
    rocksdb::IngestExternalFileArg arg;
    arg.column_family = part.handle ? part.handle : default_family();
    arg.external_files = part.files;
    arg.options.move_files = true;
    arg.options.write_global_seqno = false;
    args.push_back(std::move(arg));
  }
  const KeepTables keep;  // The files it came from have other names, and go.
  return Written(rocks_->IngestExternalFiles(args), "publishing blocks");
}

uint64_t Db::FamilyBytes(rocksdb::ColumnFamilyHandle* handle) const {
  rocksdb::ColumnFamilyMetaData metadata;
  rocks_->GetColumnFamilyMetaData(handle, &metadata);
  return metadata.size;
}

std::vector<std::string> Db::FamilyTables(rocksdb::ColumnFamilyHandle* handle) const {
  rocksdb::ColumnFamilyMetaData metadata;
  rocks_->GetColumnFamilyMetaData(handle, &metadata);
  std::vector<std::string> tables;
  for (const rocksdb::LevelMetaData& level : metadata.levels) {
    for (const rocksdb::SstFileMetaData& file : level.files) {
      tables.push_back(file.name.substr(file.name.rfind('/') + 1));
    }
  }
  std::sort(tables.begin(), tables.end());
  return tables;
}

absl::StatusOr<std::pair<std::string, uint64_t>> Db::Manifest() const {
  std::vector<std::string> files;
  uint64_t bytes = 0;
  RETURN_IF_ERROR(FromRocks(rocks_->GetLiveFiles(files, &bytes, /*flush_memtable=*/false),
                            "listing files"));
  for (const std::string& file : files) {
    if (file.starts_with("/MANIFEST")) return std::pair(file.substr(1), bytes);
  }
  return base::Internal("RocksDB names no MANIFEST");
}

absl::Status Db::RemoveStrayTables() {
  RETURN_IF_ERROR(FromRocks(rocks_->DisableFileDeletions(), "removing stray tables"));
  return FromRocks(rocks_->EnableFileDeletions(), "removing stray tables");
}

std::unique_ptr<rocksdb::Iterator> Block::NewIterator(bool fill_cache) const {
  rocksdb::ReadOptions options;
  options.fill_cache = fill_cache;
  options.background_purge_on_iterator_cleanup = true;
  return std::unique_ptr<rocksdb::Iterator>(db_->rocks()->NewIterator(options, handle_));
}

std::string Block::Context() const { return "block " + meta_.ulid; }

void Block::Damaged(FoundBy found_by, uint64_t chunks, model::LabelsView series,
                    model::TimeRange range, std::string_view what) const {
  db_->Damaged(chunks, {.block = meta_.ulid,
                        .series = series.empty() ? "" : series.ToString(),
                        .range = {std::max(range.min, meta_.range.min),
                                  std::min(range.max, meta_.range.max)},
                        .what = std::string(what),
                        .found_by = found_by});
}

}  // namespace storage::block
