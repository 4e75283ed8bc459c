// The file operations the log needs, behind an interface so that tests can make them fail.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace wal {

class AppendFile {  // Not thread-safe, but Sync may run beside Append.
 public:
  virtual ~AppendFile() = default;
  // All of `bytes` or an error; after an error the file may hold any part of them.
  virtual absl::Status Append(std::string_view bytes) = 0;
  virtual absl::Status Truncate(uint64_t size) = 0;  // And appends go there.
  virtual absl::Status Sync() = 0;                   // fdatasync
};

class FileSystem {  // Thread-safe.
 public:
  virtual ~FileSystem() = default;
  // kAlreadyExists when there is one.
  virtual absl::StatusOr<std::unique_ptr<AppendFile>> Create(const std::string& path) = 0;
  virtual absl::Status Remove(const std::string& path) = 0;  // A file or an empty directory.
  virtual absl::Status RemoveTree(const std::string& path) = 0;  // Absent is fine.
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual absl::Status CreateDirs(const std::string& path) = 0;  // Those made are on the disk.
  virtual absl::Status SyncDir(const std::string& path) = 0;

  static FileSystem* Posix();  // Never destroyed.
};

}  // namespace wal
