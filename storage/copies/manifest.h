// The file that says what a backup consists of, written last: a folder without one is no backup.
// Format: README of storage.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "storage/copies/copy_file.h"

namespace storage {

inline constexpr std::string_view kManifestName = "BACKUP";

struct BackupFile {
  std::string path;      // Below the backup's data/; '/' between folders.
  FileSum sum;
  std::string table_id;  // TableId; empty for what is no table.
  friend bool operator==(const BackupFile&, const BackupFile&) = default;
};

struct BackupManifest {
  std::string name;      // IsCopyName.
  int64_t time_ms = 0;   // When it was begun.
  std::vector<BackupFile> files;  // By path.

  uint64_t bytes() const;
  std::string ToText() const;
  // kDataLoss for anything that ToText would not write; kFailedPrecondition for a newer version.
  static absl::StatusOr<BackupManifest> Parse(std::string_view text);
  // Of the backup in `folder`; kNotFound when it has none. Errors name the file.
  static absl::StatusOr<BackupManifest> Read(const std::string& folder);
};

}  // namespace storage
