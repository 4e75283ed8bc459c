#include "tests/torture/file_trace.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>

namespace torture {
namespace {

namespace fs = std::filesystem;

struct Recorder {
  std::string root;  // With a slash at its end.
  std::vector<FileOp> ops;
  std::map<std::string, int> files;          // By path.
  std::map<int, int> open_files;             // By descriptor.
  std::map<int, std::string> open_dirs;      // By descriptor.
  int last_file = 0;
  int error = 0, after = 0, count = 0, failed = 0;
};

std::atomic<bool> recording{false};
std::mutex mu;
Recorder* recorder = nullptr;

// The path below the root, or false.
bool Below(int dir_fd, const char* path, std::string* out) {
  std::string full = path;
  if (full.empty() || full[0] != '/') {
    char link[4096];
    const std::string of = dir_fd == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/" + std::to_string(dir_fd);
    const ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, of.c_str(), link, sizeof link);
    if (n < 0) return false;
    full = std::string(link, n) + "/" + full;
  }
  full = fs::path(full).lexically_normal().string();
  while (full.size() > 1 && full.back() == '/') full.pop_back();
  const std::string& root = recorder->root;
  if (full + "/" == root) {
    out->clear();
    return true;
  }
  if (!full.starts_with(root)) return false;
  *out = full.substr(root.size());
  return true;
}

// Whether this change is to fail; errno is set then.
bool Fails() {
  if (recorder->count == 0) return false;
  if (recorder->after > 0) {
    --recorder->after;
    return false;
  }
  --recorder->count;
  ++recorder->failed;
  errno = recorder->error;
  return true;
}

void Add(FileOp op) { recorder->ops.push_back(std::move(op)); }

long RealOpen(int dir_fd, const char* path, int flags, mode_t mode) {
  return syscall(SYS_openat, dir_fd, path, flags, mode);
}

int TracedOpen(int dir_fd, const char* path, int flags, mode_t mode) {
  if (!recording) return static_cast<int>(RealOpen(dir_fd, path, flags, mode));
  std::lock_guard lock(mu);
  std::string name;
  if (recorder == nullptr || !Below(dir_fd, path, &name)) {
    return static_cast<int>(RealOpen(dir_fd, path, flags, mode));
  }
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  const bool creates = (flags & O_CREAT) != 0 && !recorder->files.contains(name);
  if ((creates || (writes && (flags & O_TRUNC))) && Fails()) return -1;
  const int fd = static_cast<int>(RealOpen(dir_fd, path, flags, mode));
  if (fd < 0) return fd;
  recorder->open_files.erase(fd);
  recorder->open_dirs.erase(fd);
  struct stat info;
  if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
    recorder->open_dirs[fd] = name;
    return fd;
  }
  if (creates) {
    recorder->files[name] = ++recorder->last_file;
    Add({FileOp::kCreate, recorder->last_file, 0, name, ""});
  } else if (writes && (flags & O_TRUNC)) {
    Add({FileOp::kTruncate, recorder->files[name], 0, "", ""});
  }
  const auto it = recorder->files.find(name);
  if (writes && it != recorder->files.end()) recorder->open_files[fd] = it->second;
  return fd;
}

// The traced file behind `fd`, or 0. The lock is held.
int FileOf(int fd) {
  if (recorder == nullptr) return 0;
  const auto it = recorder->open_files.find(fd);
  return it == recorder->open_files.end() ? 0 : it->second;
}

ssize_t TracedWrite(int fd, const void* data, size_t size, int64_t at) {
  const auto real = [&](size_t n) -> ssize_t {
    return at < 0 ? syscall(SYS_write, fd, data, n) : syscall(SYS_pwrite64, fd, data, n, at);
  };
  if (!recording) return real(size);
  std::lock_guard lock(mu);
  const int file = FileOf(fd);
  if (file == 0) return real(size);
  const bool fails = Fails();
  const int error = errno;
  if (fails) size /= 2;
  uint64_t offset = at;
  if (at < 0) {
    struct stat info;
    const bool appends = (syscall(SYS_fcntl, fd, F_GETFL) & O_APPEND) != 0;
    offset = appends && fstat(fd, &info) == 0 ? info.st_size : syscall(SYS_lseek, fd, 0, SEEK_CUR);
  }
  const ssize_t n = size > 0 ? real(size) : 0;
  if (n > 0) {
    Add({FileOp::kWrite, file, offset, "", std::string(static_cast<const char*>(data), n)});
  }
  if (!fails) return n;
  errno = error;
  return -1;
}

int TracedTruncate(int fd, int64_t size) {
  if (!recording) return static_cast<int>(syscall(SYS_ftruncate, fd, size));
  std::lock_guard lock(mu);
  const int file = FileOf(fd);
  if (file != 0 && Fails()) return -1;
  const int result = static_cast<int>(syscall(SYS_ftruncate, fd, size));
  if (result == 0 && file != 0) Add({FileOp::kTruncate, file, static_cast<uint64_t>(size), "", ""});
  return result;
}

int TracedSync(int fd, long number) {
  if (!recording) return static_cast<int>(syscall(number, fd));
  std::lock_guard lock(mu);
  const int file = FileOf(fd);
  const bool is_dir = recorder != nullptr && recorder->open_dirs.contains(fd);
  if (file == 0 && !is_dir) return static_cast<int>(syscall(number, fd));
  if (Fails()) return -1;
  // The disk below is not asked: the trace decides what is on it.
  if (is_dir) {
    Add({FileOp::kSyncDir, 0, 0, recorder->open_dirs[fd], ""});
  } else {
    Add({FileOp::kSyncFile, file, 0, "", ""});
  }
  return 0;
}

// rename, link: two names.
int TracedPair(FileOp::Kind kind, long number, const char* from, const char* to) {
  const auto real = [&] { return static_cast<int>(syscall(number, from, to)); };
  if (!recording) return real();
  std::lock_guard lock(mu);
  std::string a, b;
  if (recorder == nullptr || !Below(AT_FDCWD, from, &a) || !Below(AT_FDCWD, to, &b)) return real();
  if (Fails()) return -1;
  const int result = real();
  if (result != 0) return result;
  auto& files = recorder->files;
  if (kind == FileOp::kLink) {
    files[b] = files[a];
  } else if (files.contains(a)) {
    files[b] = files[a];
    files.erase(a);
  } else {  // A folder.
    std::map<std::string, int> moved;
    std::erase_if(files, [&](const auto& f) {
      if (!f.first.starts_with(a + "/")) return false;
      moved[b + f.first.substr(a.size())] = f.second;
      return true;
    });
    files.merge(moved);
  }
  Add({kind, 0, 0, a, b});
  return result;
}

int TracedUnlink(int dir_fd, const char* path, int flags) {
  const auto real = [&] { return static_cast<int>(syscall(SYS_unlinkat, dir_fd, path, flags)); };
  if (!recording) return real();
  std::lock_guard lock(mu);
  std::string name;
  if (recorder == nullptr || !Below(dir_fd, path, &name)) return real();
  const int result = real();
  if (result != 0) return result;
  recorder->files.erase(name);
  Add({(flags & AT_REMOVEDIR) ? FileOp::kRmdir : FileOp::kUnlink, 0, 0, name, ""});
  return result;
}

int TracedMkdir(const char* path, mode_t mode) {
  const auto real = [&] { return static_cast<int>(syscall(SYS_mkdir, path, mode)); };
  if (!recording) return real();
  std::lock_guard lock(mu);
  std::string name;
  if (recorder == nullptr || !Below(AT_FDCWD, path, &name)) return real();
  std::error_code ignored;
  if (!fs::exists(path, ignored) && Fails()) return -1;
  const int result = real();
  if (result == 0) Add({FileOp::kMkdir, 0, 0, name, ""});
  return result;
}

}  // namespace

void FileTrace::Start(const std::string& root) {
  auto* fresh = new Recorder;
  fresh->root = fs::absolute(root).lexically_normal().string();
  if (fresh->root.back() != '/') fresh->root += '/';
  for (const auto& entry : fs::recursive_directory_iterator(root)) {  // Folders before what they hold.
    const std::string name = entry.path().string().substr(fresh->root.size());
    if (entry.is_directory()) {
      fresh->ops.push_back({FileOp::kMkdir, 0, 0, name, ""});
      continue;
    }
    fresh->files[name] = ++fresh->last_file;
    std::stringstream bytes;
    bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    fresh->ops.push_back({FileOp::kCreate, fresh->last_file, 0, name, ""});
    fresh->ops.push_back({FileOp::kWrite, fresh->last_file, 0, "", bytes.str()});
  }
  fresh->ops.push_back({FileOp::kSettled});
  std::lock_guard lock(mu);
  recorder = fresh;
  recording = true;
}

std::vector<FileOp> FileTrace::Stop() {
  std::lock_guard lock(mu);
  recording = false;
  std::vector<FileOp> ops = std::move(recorder->ops);
  delete recorder;
  recorder = nullptr;
  return ops;
}

size_t FileTrace::position() {
  std::lock_guard lock(mu);
  return recorder == nullptr ? 0 : recorder->ops.size();
}

void FileTrace::Fail(int error, int after, int count) {
  std::lock_guard lock(mu);
  recorder->error = error;
  recorder->after = after;
  recorder->count = count;
}

int FileTrace::failed() {
  std::lock_guard lock(mu);
  return recorder->failed;
}

}  // namespace torture

// In front of libc's. The signatures are libc's, and so are the names.
extern "C" {

using torture::FileOp;

static mode_t ModeOf(int flags, va_list args) {
  return (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
}

int open(const char* path, int flags, ...) {
  va_list args;
  va_start(args, flags);
  const mode_t mode = ModeOf(flags, args);
  va_end(args);
  return torture::TracedOpen(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list args;
  va_start(args, flags);
  const mode_t mode = ModeOf(flags, args);
  va_end(args);
  return torture::TracedOpen(AT_FDCWD, path, flags, mode);
}
int openat(int dir_fd, const char* path, int flags, ...) {
  va_list args;
  va_start(args, flags);
  const mode_t mode = ModeOf(flags, args);
  va_end(args);
  return torture::TracedOpen(dir_fd, path, flags, mode);
}
int close(int fd) {
  if (torture::recording) {
    std::lock_guard lock(torture::mu);
    if (torture::recorder != nullptr) {
      torture::recorder->open_files.erase(fd);
      torture::recorder->open_dirs.erase(fd);
    }
    return static_cast<int>(syscall(SYS_close, fd));  // With the lock: the number is used again.
  }
  return static_cast<int>(syscall(SYS_close, fd));
}
ssize_t write(int fd, const void* data, size_t size) {
  return torture::TracedWrite(fd, data, size, -1);
}
ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  return torture::TracedWrite(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
  return torture::TracedWrite(fd, data, size, at);
}
ssize_t writev(int fd, const struct iovec* parts, int count) {
  ssize_t all = 0;
  for (int i = 0; i < count; ++i) {
    const ssize_t n = torture::TracedWrite(fd, parts[i].iov_base, parts[i].iov_len, -1);
    if (n < 0) return all > 0 ? all : n;
    all += n;
    if (static_cast<size_t>(n) < parts[i].iov_len) break;
  }
  return all;
}
int ftruncate(int fd, off_t size) noexcept { return torture::TracedTruncate(fd, size); }
int ftruncate64(int fd, off64_t size) noexcept { return torture::TracedTruncate(fd, size); }
int fsync(int fd) { return torture::TracedSync(fd, SYS_fsync); }
int fdatasync(int fd) { return torture::TracedSync(fd, SYS_fdatasync); }
// Asks for no more than to begin: no promise.
int sync_file_range(int, off64_t, off64_t, unsigned) { return 0; }
// Room beyond the end only (RocksDB asks for nothing else): no change that is to be seen.
int fallocate(int, int, off_t, off_t) { return 0; }
int fallocate64(int, int, off64_t, off64_t) { return 0; }
int rename(const char* from, const char* to) noexcept {
  return torture::TracedPair(FileOp::kRename, SYS_rename, from, to);
}
int link(const char* from, const char* to) noexcept {
  return torture::TracedPair(FileOp::kLink, SYS_link, from, to);
}
int unlink(const char* path) noexcept { return torture::TracedUnlink(AT_FDCWD, path, 0); }
int unlinkat(int dir_fd, const char* path, int flags) noexcept {
  return torture::TracedUnlink(dir_fd, path, flags);
}
int rmdir(const char* path) noexcept { return torture::TracedUnlink(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char* path) noexcept {
  struct stat info;
  const bool is_dir = lstat(path, &info) == 0 && S_ISDIR(info.st_mode);
  return torture::TracedUnlink(AT_FDCWD, path, is_dir ? AT_REMOVEDIR : 0);
}
int mkdir(const char* path, mode_t mode) noexcept { return torture::TracedMkdir(path, mode); }

}  // extern "C"
