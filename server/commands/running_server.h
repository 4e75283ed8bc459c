// A server that runs, as a command sees it: over HTTP, and its data directory on this machine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

namespace server {

// As long a snapshot may take: the head is written first.
inline constexpr int64_t kSnapshotMs = 3600'000;

class RunningServer {
 public:
  explicit RunningServer(std::string url);

  // Has it make a snapshot of that name, with its head. Errors name the URL and say what to do;
  // kFailedPrecondition when it answered that there is none. Without an answer there may be one.
  absl::Status MakeSnapshot(const std::string& name);
  // Its data directory, absolute, as the server itself says.
  absl::StatusOr<std::string> DataDir();

 private:
  // The `data` of an answer under key `key`, which must be text.
  absl::StatusOr<std::string> Ask(std::string_view method, std::string_view path,
                                  std::string_view key, int64_t timeout_ms);
  const std::string url_;
};

}  // namespace server
