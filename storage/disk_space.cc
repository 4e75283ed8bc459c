#include "storage/disk_space.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "storage/base/status.h"

namespace storage {

absl::StatusOr<DiskSpace> AskDiskSpace(const std::string& path) {
  struct statvfs info {};
  if (statvfs(path.c_str(), &info) != 0) {
    return base::Unavailable("{}: {}", path, std::strerror(errno));
  }
  DiskSpace space;
  space.total_bytes = static_cast<int64_t>(info.f_blocks * info.f_frsize);
  space.free_bytes = static_cast<int64_t>(info.f_bavail * info.f_frsize);
  space.read_only = (info.f_flag & ST_RDONLY) != 0;
  return space;
}

int64_t DefaultMinFreeBytes(int64_t total_bytes) {
  return std::clamp<int64_t>(total_bytes / 100, 16 << 20, 256 << 20);
}

DiskState NextState(DiskState now, int64_t free_bytes, int64_t min_free_bytes) {
  if (free_bytes < min_free_bytes) return DiskState::kLow;
  if (now == DiskState::kLow && free_bytes < min_free_bytes + min_free_bytes / 8) return now;
  return DiskState::kRoomy;
}

bool DiskReserve::exists() const { return access(path_.c_str(), F_OK) == 0; }
int64_t DiskReserve::Bytes(int64_t min_free_bytes) {
  return std::clamp<int64_t>(min_free_bytes / 2, 4096, 8 << 20);
}
bool DiskReserve::GiveUp() { return unlink(path_.c_str()) == 0; }

bool DiskReserve::Keep(int64_t free_bytes, int64_t min_free_bytes) {
  if (free_bytes < min_free_bytes / 4) return GiveUp();
  if (free_bytes < 2 * min_free_bytes + Bytes(min_free_bytes) || exists()) return false;
  const int fd = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) return false;
  const bool made = posix_fallocate(fd, 0, Bytes(min_free_bytes)) == 0;
  close(fd);
  if (!made) GiveUp();
  return made;
}

}  // namespace storage
