#include "storage/copies/backup.h"

#include <algorithm>
#include <filesystem>

#include "storage/base/hash.h"
#include "storage/base/log.h"
#include "storage/base/status.h"
#include "storage/block/table_id.h"
#include "storage/copies/copy_name.h"
#include "storage/copies/new_folder.h"

namespace storage {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kOwn = "tidemark", kData = "data";

// Of the source, what a start makes anew or removes.
bool IsLeftOut(const std::string& path) {
  const std::string name = fs::path(path).filename();
  return path == "reserve" || path == "blocks/LOCK" || path == "blocks/IDENTITY" ||
         name.starts_with("LOG") || path.ends_with(".dbtmp") || path.ends_with(".tmp") ||
         path.starts_with("blocks/unfinished/") || path.find(".tmp/") != std::string::npos;
}

// Paths of the files below `dir`, sorted.
absl::StatusOr<std::vector<std::string>> ListFiles(const std::string& dir) {
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::recursive_directory_iterator it(dir, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code gone;
    if (!it->is_regular_file(gone)) continue;
    std::string path = it->path().lexically_relative(dir);
    if (!IsLeftOut(path)) paths.push_back(std::move(path));
  }
  if (error) return base::Unavailable("{}: {}", dir, error.message());
  std::sort(paths.begin(), paths.end());
  return paths;
}

// Names of copies in `dir`, sorted, of entries that end with `suffix` and are `wanted`.
template <class Wanted>
absl::StatusOr<std::vector<std::string>> ListNames(const std::string& dir, std::string_view suffix,
                                                   Wanted&& wanted) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(dir, error), end; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename();
    if (!name.ends_with(suffix)) continue;
    name.resize(name.size() - suffix.size());
    if (IsCopyName(name) && wanted(it->path())) names.push_back(std::move(name));
  }
  if (error) return base::Unavailable("{}: {}", dir, error.message());
  std::sort(names.begin(), names.end());
  return names;
}

// Where earlier backups have a table, and its sum.
struct KnownTable {
  std::string path;
  FileSum sum;
};
using KnownTables = base::StringMap<KnownTable>;  // By id.

absl::StatusOr<KnownTables> TablesOf(const std::string& destination) {
  KnownTables known;
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListBackups(destination));
  for (const std::string& name : names) {  // The newest wins.
    const std::string folder = destination + "/" + name;
    const absl::StatusOr<BackupManifest> manifest = BackupManifest::Read(folder);
    if (!manifest.ok()) {
      base::Log(base::LogLevel::kWarn, "storage", "An earlier backup is of no use",
                {{"err", std::string(base::message(manifest.status()))}});
      continue;
    }
    for (const BackupFile& file : manifest->files) {
      if (file.table_id.empty()) continue;
      known[file.table_id] = {fmt::format("{}/{}/{}", folder, kData, file.path), file.sum};
    }
  }
  return known;
}

absl::Status MakeParent(const std::string& path, wal::FileSystem* files) {
  return files->CreateDirs(fs::path(path).parent_path());
}

class Maker {
 public:
  Maker(std::string own, KnownTables known, wal::FileSystem* files)
      : own_(std::move(own)), known_(std::move(known)), files_(files) {}

  absl::Status Add(const std::string& path, const std::string& data_dir, BackupFile* file) {
    const std::string from = own_ + "/" + path, to = data_dir + "/" + path;
    file->path = path;
    RETURN_IF_ERROR(MakeParent(to, files_));
    ++report.files;
    if (path.ends_with(".sst")) {
      ASSIGN_OR_RETURN(const bool done, AddTable(from, to, file));
      if (done) return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(file->sum, CopyFile(from, to, std::nullopt, files_));
    report.bytes += file->sum.bytes;
    return absl::OkStatus();
  }

  BackupReport report;

 private:
  // False: it has to be copied.
  absl::StatusOr<bool> AddTable(const std::string& from, const std::string& to, BackupFile* file) {
    file->table_id = TableId(from);
    std::error_code error;
    const uint64_t bytes = fs::file_size(from, error);
    if (error) return base::Unavailable("{}: {}", from, error.message());
    if (const auto known = known_.find(file->table_id);
        !file->table_id.empty() && known != known_.end() && known->second.sum.bytes == bytes &&
        fs::file_size(known->second.path, error) == bytes && LinkFile(known->second.path, to)) {
      file->sum = known->second.sum;
      report.shared_bytes += bytes;
    } else if (LinkFile(from, to)) {
      ASSIGN_OR_RETURN(file->sum, SumFile(to));
      report.linked_bytes += bytes;
    } else {
      return false;
    }
    report.bytes += bytes;
    return true;
  }

  const std::string own_;
  const KnownTables known_;
  wal::FileSystem* const files_;
};

// With what to do about it, when `from` is none.
absl::StatusOr<BackupManifest> ManifestOf(const std::string& from) {
  auto manifest = BackupManifest::Read(from);
  if (!absl::IsNotFound(manifest.status())) return manifest;
  std::error_code error;
  if (!fs::is_directory(from, error)) {
    return base::FailedPrecondition("{}: there is no such folder", from);
  }
  const absl::StatusOr<std::vector<std::string>> inside = ListBackups(from);
  if (inside.ok() && !inside->empty()) {
    return base::FailedPrecondition("{}: is a folder of backups; name one of them, the newest is {}",
                                    from, from + "/" + inside->back());
  }
  return base::FailedPrecondition(
      "{}: is not a finished backup: it has no file {}, which is written last", from,
      kManifestName);
}

// Before hours of copying.
absl::Status CheckSizes(const std::string& from, const BackupManifest& manifest) {
  for (const BackupFile& file : manifest.files) {
    const std::string path = fmt::format("{}/{}/{}", from, kData, file.path);
    std::error_code error;
    const uint64_t bytes = fs::file_size(path, error);
    if (error) return base::DataLoss("{}: {}", path, error.message());
    if (bytes != file.sum.bytes) {
      return base::DataLoss("{}: {} bytes, where the backup had {}", path, bytes, file.sum.bytes);
    }
  }
  return absl::OkStatus();
}

absl::Status CheckSum(const std::string& path, const FileSum& sum, const BackupFile& file) {
  if (sum == file.sum) return absl::OkStatus();
  return base::DataLoss("{}: damaged: its checksum is not the one of the backup", path);
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ListBackups(const std::string& destination) {
  return ListNames(destination, "", [](const fs::path& path) {
    std::error_code error;
    return fs::exists(path / kManifestName, error);
  });
}

absl::StatusOr<std::vector<std::string>> ListUnfinishedBackups(const std::string& destination) {
  return ListNames(destination, kUnfinishedBackup, [](const fs::path&) { return true; });
}

absl::Status RemoveUnfinishedBackup(const std::string& destination, const std::string& name,
                                    wal::FileSystem* files) {
  return files->RemoveTree(fmt::format("{}/{}{}", destination, name, kUnfinishedBackup));
}

absl::StatusOr<BackupReport> MakeBackup(const std::string& dir, const std::string& destination,
                                        const std::string& name, int64_t now_ms,
                                        wal::FileSystem* files) {
  const std::string own = fmt::format("{}/{}", dir, kOwn);
  std::error_code error;
  if (!fs::exists(own + "/FORMAT", error)) {
    return base::FailedPrecondition("{}: there is no data of Tidemark in it", dir);
  }
  RETURN_IF_ERROR(files->CreateDirs(destination));
  ASSIGN_OR_RETURN(KnownTables known, TablesOf(destination));
  ASSIGN_OR_RETURN(const auto folder,
                   NewFolder::Begin(destination + "/" + name, kUnfinishedBackup, files));
  ASSIGN_OR_RETURN(const std::vector<std::string> paths, ListFiles(own));
  BackupManifest manifest{name, now_ms, {}};
  Maker maker(own, std::move(known), files);
  for (const std::string& path : paths) {
    RETURN_IF_ERROR(maker.Add(path, fmt::format("{}/{}", folder->aside(), kData),
                              &manifest.files.emplace_back()));
  }
  RETURN_IF_ERROR(WriteFile(fmt::format("{}/{}", folder->aside(), kManifestName),
                            manifest.ToText(), files));
  RETURN_IF_ERROR(folder->Finish());
  maker.report.path = destination + "/" + name;
  return maker.report;
}

absl::StatusOr<BackupReport> Restore(const std::string& from, const std::string& dir,
                                     wal::FileSystem* files) {
  ASSIGN_OR_RETURN(const BackupManifest manifest, ManifestOf(from));
  const std::string own = fmt::format("{}/{}", dir, kOwn);
  std::error_code error;
  if (fs::exists(own, error) && !fs::is_empty(own, error)) {
    return base::FailedPrecondition(
        "{}: the data directory has data of Tidemark already; nothing was changed: restore into "
        "another directory, or move {} away first",
        dir, own);
  }
  RETURN_IF_ERROR(CheckSizes(from, manifest));
  ASSIGN_OR_RETURN(const auto folder, NewFolder::Begin(own, kUnfinishedRestore, files));
  BackupReport report{.path = dir, .files = manifest.files.size(), .bytes = manifest.bytes()};
  for (const BackupFile& file : manifest.files) {
    const std::string source = fmt::format("{}/{}/{}", from, kData, file.path);
    const std::string target = folder->aside() + "/" + file.path;
    RETURN_IF_ERROR(MakeParent(target, files));
    ASSIGN_OR_RETURN(const FileSum sum, CopyFile(source, target, std::nullopt, files));
    RETURN_IF_ERROR(CheckSum(source, sum, file));
  }
  RETURN_IF_ERROR(folder->Finish());
  return report;
}

absl::StatusOr<BackupReport> VerifyBackup(const std::string& from) {
  ASSIGN_OR_RETURN(const BackupManifest manifest, ManifestOf(from));
  RETURN_IF_ERROR(CheckSizes(from, manifest));
  for (const BackupFile& file : manifest.files) {
    const std::string path = fmt::format("{}/{}/{}", from, kData, file.path);
    ASSIGN_OR_RETURN(const FileSum sum, SumFile(path));
    RETURN_IF_ERROR(CheckSum(path, sum, file));
  }
  return BackupReport{.path = from, .files = manifest.files.size(), .bytes = manifest.bytes()};
}

}  // namespace storage
