// The queries that run just now, in a file that outlives a crash: whoever starts next can tell what
// ran when the server died. Prometheus' format:
//
//   [{"query":"up","timestamp_sec":1700000000}\0\0...,{"query":...
//
// a bracket, then a slot of 1000 bytes for each query that may run at a time: its JSON, zeros, and a
// comma at the end; all zeros when it is free. A query too long for its slot is cut.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>

namespace server {

class ActiveQueries {  // Thread-safe.
 public:
  static constexpr size_t kSlotBytes = 1000;

  // Makes the file anew, mapped into memory.
  static absl::StatusOr<std::unique_ptr<ActiveQueries>> Create(const std::string& path, int slots);
  ~ActiveQueries();
  ActiveQueries(const ActiveQueries&) = delete;
  ActiveQueries& operator=(const ActiveQueries&) = delete;

  int Insert(std::string_view query);  // The slot it has; -1 when none is free.
  void Remove(int slot);               // -1: nothing.

 private:
  ActiveQueries(char* bytes, size_t size, int slots);

  char* const bytes_;
  const size_t size_;
  absl::Mutex mu_;
  std::vector<int> free_ ABSL_GUARDED_BY(mu_);
};

// The queries of a file that ActiveQueries left, as a JSON array; "" when there are none, or no file.
std::string UnfinishedQueries(const std::string& path);

}  // namespace server
