// Files copied so that they outlive a power cut, with a sum of what was read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "storage/base/hash.h"
#include "wal/file.h"

namespace storage {

struct FileSum {
  uint64_t bytes = 0;
  base::Hash128 hash;  // XXH3 of all bytes, seed 0.
  friend bool operator==(const FileSum&, const FileSum&) = default;
};

// `to` must not be there; its bytes are on the disk, its name when its folder is synced. With
// `bytes`, only so many from the beginning; kDataLoss when the file has less. kUnavailable: the
// disk; `to` may then hold a part.
absl::StatusOr<FileSum> CopyFile(const std::string& from, const std::string& to,
                                 std::optional<uint64_t> bytes = std::nullopt,
                                 wal::FileSystem* files = wal::FileSystem::Posix());
absl::StatusOr<FileSum> SumFile(const std::string& path);
absl::Status WriteFile(const std::string& to, std::string_view contents,
                       wal::FileSystem* files = wal::FileSystem::Posix());
// A small text as a whole; kNotFound when there is none, kDataLoss beyond `limit_bytes`.
absl::StatusOr<std::string> ReadFile(const std::string& path, uint64_t limit_bytes);

// False where there can be no link: another file system, or one without links.
bool LinkFile(const std::string& from, const std::string& to);

}  // namespace storage
