// The directory of a Database: its lock, and the version of what lies in it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "wal/file.h"

namespace storage {

// An exclusive flock on <dir>/lock, for as long as it lives. The file is removed at the end, as
// Prometheus does, so one that is there at the start was left by a crash.
class DirLock {
 public:
  // kFailedPrecondition when another process has it: `what` is in use. Where the file cannot be
  // made for want of space, the directory itself is locked.
  static absl::StatusOr<std::unique_ptr<DirLock>> Take(const std::string& dir,
                                                       std::string_view what = "data directory");
  ~DirLock();
  DirLock(const DirLock&) = delete;
  bool left_behind() const { return left_behind_; }
  // The file stays, as the crash left it: whoever only looked at the data has not tidied it.
  void LeaveBehind() { leave_behind_ = true; }

 private:
  static absl::StatusOr<std::unique_ptr<DirLock>> TakeFolder(const std::string& dir);
  DirLock(std::string path, int fd, bool left_behind)
      : path_(std::move(path)), fd_(fd), left_behind_(left_behind) {}
  const std::string path_;
  const int fd_;
  const bool left_behind_;
  bool leave_behind_ = false;
};

// kFailedPrecondition, with what to do about it, when `dir` is there and may not be written to by
// this user. A read-only file system is fine here.
absl::Status CheckPermission(const std::string& dir);

// Our own folder inside `dir`, made when it is new. kFailedPrecondition for a newer version, for a
// backup and for what a restore left unfinished.
// Says once in the log when `dir` also holds data of Prometheus, which is left alone.
absl::StatusOr<std::string> OpenDataDir(const std::string& dir);

// The same, when it is there, without changing anything; kNotFound when it is not.
// *damaged: FORMAT is, as the next start will notice and mend.
absl::StatusOr<std::string> FindDataDir(const std::string& dir, bool* damaged);
// Whether somebody holds a DirLock on it. A lock taken at that very moment may fail.
bool IsLocked(const std::string& dir);

// <dir>/tidemark/FORMAT of a directory that is being made; `dir`/tidemark is there.
absl::Status WriteDataFormat(const std::string& dir,
                             wal::FileSystem* files = wal::FileSystem::Posix());

}  // namespace storage
