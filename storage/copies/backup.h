// Backups: folders of their own with a copy of a data directory and a manifest.
//
//   <destination>/20261129T101112Z-0123456789abcdef/BACKUP   the manifest
//   <destination>/20261129T101112Z-0123456789abcdef/data/... what <dir>/tidemark holds
//
// A table that an earlier backup of the same destination has is a hard link to it, so each backup
// is whole, costs what is new, and goes without harm to the others.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "storage/copies/manifest.h"
#include "wal/file.h"

namespace storage {

inline constexpr std::string_view kUnfinishedBackup = ".unfinished";
inline constexpr std::string_view kUnfinishedRestore = ".restoring";

struct BackupReport {
  std::string path;            // Of the backup, or of the directory restored.
  uint64_t files = 0, bytes = 0;
  uint64_t shared_bytes = 0;   // Tables that an earlier backup has too.
  uint64_t linked_bytes = 0;   // Tables that are one with the source's, for now.
};

// Of finished backups in `destination`; ascending, the newest is last.
absl::StatusOr<std::vector<std::string>> ListBackups(const std::string& destination);

// Of those begun and not finished: folders <name>.unfinished. Whoever wants a name to be found here
// before MakeBackup makes that folder.
absl::StatusOr<std::vector<std::string>> ListUnfinishedBackups(const std::string& destination);
// Nobody must be making it.
absl::Status RemoveUnfinishedBackup(const std::string& destination, const std::string& name,
                                    wal::FileSystem* files = wal::FileSystem::Posix());

// Makes the backup `name` of the data directory `dir`, to which nobody may write meanwhile: a
// snapshot, or one whose lock the caller holds. One at a time in a destination. `dir` is only read.
// kFailedPrecondition: there is no data of ours; kUnavailable: a disk. Nothing is left then.
absl::StatusOr<BackupReport> MakeBackup(const std::string& dir, const std::string& destination,
                                        const std::string& name, int64_t now_ms,
                                        wal::FileSystem* files = wal::FileSystem::Posix());

// Makes `dir`, whose lock the caller holds, the data directory that was backed up in the folder
// `from`. Everything is copied and checked against the manifest on the way, and gets its name when
// all of it is on the disk. kFailedPrecondition: `from` is no finished backup, or `dir` has data;
// kDataLoss: something differs from the manifest. Nothing is left then.
absl::StatusOr<BackupReport> Restore(const std::string& from, const std::string& dir,
                                     wal::FileSystem* files = wal::FileSystem::Posix());

// Reads all of the backup and compares it with its manifest.
absl::StatusOr<BackupReport> VerifyBackup(const std::string& from);

}  // namespace storage
