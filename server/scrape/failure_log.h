// scrape_failure_log_file: one line of JSON for each scrape that failed. spec 6.9.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include <absl/base/thread_annotations.h>
#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>

namespace server {

// Thread-safe. Shared by the jobs that name the same file.
class FailureLog {
 public:
  // Opens for appending; kUnavailable when that fails.
  static absl::StatusOr<std::shared_ptr<FailureLog>> Open(const std::string& path);
  ~FailureLog();
  void Write(std::string_view message, std::string_view job, std::string_view target);

 private:
  explicit FailureLog(std::FILE* file) : file_(file) {}
  absl::Mutex mu_;
  std::FILE* const file_ ABSL_PT_GUARDED_BY(mu_);
};

}  // namespace server
