// global.query_log_file: one line of JSON for each query. spec 4.3.
#pragma once

#include <cstdio>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/synchronization/mutex.h>

#include "promql/engine.h"
#include "storage/base/stats.h"

namespace server {

class QueryLog {  // Thread-safe.
 public:
  QueryLog() = default;
  ~QueryLog();

  // Appends to `path` from now on, opened anew even if it is the same (it may have been rotated);
  // nowhere if "". kUnavailable when it cannot be opened: all stays as it was.
  absl::Status SetFile(const std::string& path);
  void Write(const promql::QueryObserver::Record& record);

  bool enabled() const;
  uint64_t failures() const { return failures_.value(); }  // Lines that could not be written.

 private:
  mutable absl::Mutex mu_;
  std::FILE* file_ ABSL_GUARDED_BY(mu_) = nullptr;
  base::Counter failures_;
};

// The line, with its newline.
std::string QueryLogLine(const promql::QueryObserver::Record& record, int64_t now_ms);

}  // namespace server
