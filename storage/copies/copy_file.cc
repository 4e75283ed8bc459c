#include "storage/copies/copy_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>

#include "storage/base/status.h"

namespace storage {
namespace {

constexpr size_t kPieceBytes = 1 << 20;

absl::Status ReadError(const std::string& path) {
  const int error = errno;
  if (error == ENOENT) return base::NotFound("read {}: {}", path, std::strerror(error));
  return base::Unavailable("read {}: {}", path, std::strerror(error));
}

// Gives all of the file, or its first `limit` bytes, to `take`, in pieces.
absl::StatusOr<FileSum> ReadThrough(const std::string& path, std::optional<uint64_t> limit,
                                    const std::function<absl::Status(std::string_view)>& take) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ReadError(path);
  struct Closer {
    int fd;
    ~Closer() { ::close(fd); }
  } closer{fd};
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  XXH3_state_t hash;
  XXH3_128bits_reset(&hash);
  FileSum sum;
  const auto buffer = std::make_unique<char[]>(kPieceBytes);
  while (!limit || sum.bytes < *limit) {
    const size_t want = limit ? std::min<uint64_t>(kPieceBytes, *limit - sum.bytes) : kPieceBytes;
    const ssize_t n = ::read(fd, buffer.get(), want);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ReadError(path);
    if (n == 0) break;
    const std::string_view piece(buffer.get(), static_cast<size_t>(n));
    XXH3_128bits_update(&hash, piece.data(), piece.size());
    sum.bytes += piece.size();
    RETURN_IF_ERROR(take(piece));
  }
  if (limit && sum.bytes < *limit) {
    return base::DataLoss("{}: {} bytes, not {}", path, sum.bytes, *limit);
  }
  const XXH128_hash_t digest = XXH3_128bits_digest(&hash);
  sum.hash = {digest.low64, digest.high64};
  return sum;
}

}  // namespace

absl::StatusOr<FileSum> CopyFile(const std::string& from, const std::string& to,
                                 std::optional<uint64_t> bytes, wal::FileSystem* files) {
  ASSIGN_OR_RETURN(const auto file, files->Create(to));
  ASSIGN_OR_RETURN(const FileSum sum, ReadThrough(from, bytes, [&](std::string_view piece) {
                     return file->Append(piece);
                   }));
  RETURN_IF_ERROR(file->Sync());
  return sum;
}

absl::StatusOr<FileSum> SumFile(const std::string& path) {
  return ReadThrough(path, std::nullopt, [](std::string_view) { return absl::OkStatus(); });
}

absl::Status WriteFile(const std::string& to, std::string_view contents, wal::FileSystem* files) {
  ASSIGN_OR_RETURN(const auto file, files->Create(to));
  RETURN_IF_ERROR(file->Append(contents));
  return file->Sync();
}

absl::StatusOr<std::string> ReadFile(const std::string& path, uint64_t limit_bytes) {
  std::string text;
  RETURN_IF_ERROR(ReadThrough(path, std::nullopt, [&](std::string_view piece) -> absl::Status {
                    text.append(piece);
                    if (text.size() <= limit_bytes) return absl::OkStatus();
                    return base::DataLoss("{}: more than {} bytes", path, limit_bytes);
                  }).status());
  return text;
}

bool LinkFile(const std::string& from, const std::string& to) {
  return ::link(from.c_str(), to.c_str()) == 0;
}

}  // namespace storage
