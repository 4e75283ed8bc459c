#include "wal/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <vector>

#include "wal/status.h"

namespace wal {
namespace {

class PosixFile final : public AppendFile {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixFile() override { ::close(fd_); }

  absl::Status Append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0) {
        if (errno == EINTR) continue;
        return ErrnoStatus("write", path_);
      }
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return absl::OkStatus();
  }

  absl::Status Truncate(uint64_t size) override {
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) return ErrnoStatus("truncate", path_);
    if (::lseek(fd_, static_cast<off_t>(size), SEEK_SET) < 0) return ErrnoStatus("seek", path_);
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    if (::fdatasync(fd_) != 0) return ErrnoStatus("sync", path_);
    return absl::OkStatus();
  }

 private:
  const int fd_;
  const std::string path_;
};

absl::Status FromCode(const char* what, const std::string& path, const std::error_code& code) {
  return code ? ErrnoStatus(what, path, code.value()) : absl::OkStatus();
}

class PosixFileSystem final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<AppendFile>> Create(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) return ErrnoStatus("create", path);
    return std::make_unique<PosixFile>(fd, path);
  }
  absl::Status Remove(const std::string& path) override {
    if (::remove(path.c_str()) != 0) return ErrnoStatus("remove", path);
    return absl::OkStatus();
  }
  absl::Status RemoveTree(const std::string& path) override {
    std::error_code code;
    std::filesystem::remove_all(path, code);
    return FromCode("remove", path, code);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return ErrnoStatus("rename", from);
    return absl::OkStatus();
  }
  absl::Status CreateDirs(const std::string& path) override {
    std::vector<std::filesystem::path> missing;  // The innermost first.
    std::error_code code;
    for (std::filesystem::path p = path; !p.empty() && !std::filesystem::exists(p, code);
         p = p.parent_path()) {
      missing.push_back(p);
    }
    for (auto p = missing.rbegin(); p != missing.rend(); ++p) {
      std::filesystem::create_directory(*p, code);
      if (code) return FromCode("create directory", *p, code);
      const std::string parent = p->parent_path();
      WAL_RETURN_IF_ERROR(SyncDir(parent.empty() ? "." : parent));
    }
    if (std::filesystem::is_directory(path, code)) return absl::OkStatus();
    if (!code) code = std::make_error_code(std::errc::not_a_directory);
    return FromCode("create directory", path, code);
  }
  absl::Status SyncDir(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return ErrnoStatus("open", path);
    const int result = ::fsync(fd);
    const int error = errno;
    ::close(fd);
    if (result != 0) return ErrnoStatus("sync", path, error);
    return absl::OkStatus();
  }
};

}  // namespace

FileSystem* FileSystem::Posix() {
  static FileSystem* fs = new PosixFileSystem;
  return fs;
}

}  // namespace wal
