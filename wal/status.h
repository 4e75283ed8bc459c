// Statuses from errno, with the path: "open /data/wal/00000003: No space left on device".
#pragma once

#include <cerrno>
#include <cstring>
#include <string>

#include <absl/status/status.h>

namespace wal {

inline absl::Status ErrnoStatus(const char* what, const std::string& path, int error = errno) {
  const std::string text = std::string(what) + " " + path + ": " + std::strerror(error);
  if (error == ENOENT) return absl::NotFoundError(text);
  if (error == EEXIST) return absl::AlreadyExistsError(text);
  return absl::UnavailableError(text);
}

}  // namespace wal

#define WAL_RETURN_IF_ERROR(expr)                                               \
  do {                                                                          \
    if (absl::Status wal_status_ = (expr); !wal_status_.ok()) return wal_status_; \
  } while (0)
