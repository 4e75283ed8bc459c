#include "storage/data_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "storage/base/log.h"
#include "storage/base/status.h"
#include "storage/block/ulid.h"
#include "storage/copies/backup.h"
#include "storage/copies/copy_file.h"
#include "wal/file.h"

namespace storage {
namespace {

// 1 had no histograms, 2 no exemplars in blocks, 3 no notes in rows, 4 no metadata in the log.
constexpr int kVersion = 5;
constexpr std::string_view kFormatText = "tidemark data format ";

bool HoldsPrometheusData(const std::string& dir) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
    const std::string name = entry.path().filename().string();
    const bool is_block =
        block::IsUlid(name) && std::filesystem::exists(entry.path() / "meta.json", error);
    if (is_block || name == "chunks_head") return true;
  }
  return false;
}

// The version, which this program knows; 0: the file is damaged.
absl::StatusOr<int> ReadFormat(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  std::string_view rest = text.view();
  int version = 0;
  if (rest.starts_with(kFormatText)) {
    rest.remove_prefix(kFormatText.size());
    std::from_chars(rest.data(), rest.data() + rest.size(), version);
  }
  if (version <= 0) return 0;
  if (version > kVersion) {
    return base::FailedPrecondition(
        "{}: data format {} is newer than {}, the newest this version of tidemark knows", path,
        version, kVersion);
  }
  return version;
}

std::string FormatLine() { return fmt::format("{}{}\n", kFormatText, kVersion); }

absl::Status WriteFormat(const std::string& dir, const std::string& path) {
  wal::FileSystem* const files = wal::FileSystem::Posix();
  const std::string aside = path + ".tmp";
  std::error_code ignored;
  std::filesystem::remove(aside, ignored);
  ASSIGN_OR_RETURN(auto file, files->Create(aside));
  RETURN_IF_ERROR(file->Append(FormatLine()));
  RETURN_IF_ERROR(file->Sync());
  RETURN_IF_ERROR(files->Rename(aside, path));
  return files->SyncDir(dir);
}

// Where an empty database would be made though there is data, of a kind.
absl::Status CheckNoCopy(const std::string& dir, const std::string& own) {
  std::error_code error;
  if (const std::string half = own + std::string(kUnfinishedRestore);
      std::filesystem::exists(half, error)) {
    return base::FailedPrecondition(
        "{}: a restore into this directory did not finish; run it again, or remove {}", dir, half);
  }
  if (std::filesystem::exists(fmt::format("{}/{}", dir, kManifestName), error)) {
    return base::FailedPrecondition(
        "{}: this is a backup; make a data directory of it with: tidemark restore {} "
        "--storage.tsdb.path=DIR",
        dir, dir);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteDataFormat(const std::string& dir, wal::FileSystem* files) {
  return WriteFile(dir + "/tidemark/FORMAT", FormatLine(), files);
}

absl::Status CheckPermission(const std::string& dir) {
  if (::access(dir.c_str(), R_OK | W_OK | X_OK) == 0 || errno != EACCES) return absl::OkStatus();
  return base::FailedPrecondition(
      "the data directory {} may not be written to by user {}; run: chown -R {}:{} {}", dir,
      ::geteuid(), ::geteuid(), ::getegid(), dir);
}

absl::StatusOr<std::unique_ptr<DirLock>> DirLock::TakeFolder(const std::string& dir) {
  const int fd = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return base::Unavailable("{}: {}", dir, std::strerror(errno));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    ::close(fd);
    return base::FailedPrecondition("{}: the data directory cannot be locked: {}", dir,
                                    std::strerror(error));
  }
  return std::unique_ptr<DirLock>(new DirLock("", fd, false));
}

absl::StatusOr<std::unique_ptr<DirLock>> DirLock::Take(const std::string& dir,
                                                       std::string_view what) {
  const std::string path = dir + "/lock";
  bool left_behind = ::access(path.c_str(), F_OK) == 0;
  for (;;) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 && (errno == ENOSPC || errno == EDQUOT)) return TakeFolder(dir);
    if (fd < 0) return base::Unavailable("{}: {}", path, std::strerror(errno));
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      const int error = errno;
      ::close(fd);
      if (error == EWOULDBLOCK) {
        return base::FailedPrecondition(
            "{}: the {} is in use by another process (its lock file is held)", dir, what);
      }
      return base::Unavailable("{}: {}", path, std::strerror(error));
    }
    // Its holder may have removed the file between our open and our lock.
    struct stat held, there;
    if (::fstat(fd, &held) == 0 && ::stat(path.c_str(), &there) == 0 &&
        held.st_ino == there.st_ino && held.st_dev == there.st_dev) {
      return std::unique_ptr<DirLock>(new DirLock(path, fd, left_behind));
    }
    ::close(fd);
    left_behind = false;
  }
}

DirLock::~DirLock() {
  // While it is held: nobody else can have a lock on this file.
  if (!leave_behind_) ::unlink(path_.c_str());
  ::close(fd_);
}

absl::StatusOr<std::string> OpenDataDir(const std::string& dir) {
  const std::string own = dir + "/tidemark", path = own + "/FORMAT";
  wal::FileSystem* const files = wal::FileSystem::Posix();
  RETURN_IF_ERROR(CheckNoCopy(dir, own));
  RETURN_IF_ERROR(files->CreateDirs(own));
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    ASSIGN_OR_RETURN(const int version, ReadFormat(path));
    if (version == kVersion) return own;
    if (version == 0) {  // The log and the blocks say for themselves what they are.
      if (!std::filesystem::exists(own + "/wal", error)) {
        return base::FailedPrecondition("{}: does not say \"{}<number>\"", path, kFormatText);
      }
      base::Log(base::LogLevel::kError, "storage", "The data format's version is damaged, and written anew",
                {{"file", path}});
    }
    // From here on it may hold what a program of the version before cannot read. On a disk that is
    // full or read-only that is put off, with all other writing.
    if (const absl::Status status = WriteFormat(own, path); !status.ok()) {
      base::Log(base::LogLevel::kWarn, "storage", "The data format's version was not updated",
                {{"dir", own}, {"err", std::string(base::message(status))}});
    }
    return own;
  }
  if (HoldsPrometheusData(dir)) {
    base::Log(base::LogLevel::kWarn, "storage",
              "This directory holds data of Prometheus, which is neither read nor changed; "
              "Tidemark's own goes beside it",
              {{"dir", dir}, {"own", own}});
  }
  RETURN_IF_ERROR(WriteFormat(own, path));
  RETURN_IF_ERROR(files->SyncDir(dir));
  return own;
}

absl::StatusOr<std::string> FindDataDir(const std::string& dir, bool* damaged) {
  const std::string own = dir + "/tidemark", path = own + "/FORMAT";
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    if (error) return base::FailedPrecondition("{}: {}", path, error.message());
    return base::NotFound("{}: no data of tidemark there (no {})", dir, path);
  }
  ASSIGN_OR_RETURN(const int version, ReadFormat(path));
  *damaged = version == 0;
  return own;
}

bool IsLocked(const std::string& dir) {
  // Without room for a file the folder is locked itself.
  for (const std::string& path : {dir + "/lock", dir}) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    const bool held = ::flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    ::close(fd);
    if (held) return true;
  }
  return false;
}

}  // namespace storage
