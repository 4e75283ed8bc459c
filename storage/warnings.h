// Gathers what the reader of a query should know. Shared by a Querier and its Selections.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <absl/synchronization/mutex.h>

namespace storage {

class Warnings {  // Thread-safe.
 public:
  static constexpr size_t kMax = 10;  // Different ones that are kept.

  void Add(std::string warning) {
    absl::MutexLock lock(&mu_);
    if (list_.size() < kMax && std::find(list_.begin(), list_.end(), warning) == list_.end()) {
      list_.push_back(std::move(warning));
    }
  }
  std::vector<std::string> list() const {
    absl::MutexLock lock(&mu_);
    return list_;
  }

 private:
  mutable absl::Mutex mu_;
  std::vector<std::string> list_ ABSL_GUARDED_BY(mu_);
};

}  // namespace storage
