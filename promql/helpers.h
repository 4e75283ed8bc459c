// Threads that lend queries a hand. Work is split into parts; whoever wants the result works too,
// so nothing waits for a helper that is busy elsewhere.
#pragma once

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include <absl/synchronization/mutex.h>

namespace promql {

class Helpers {  // Thread-safe; one per Engine.
 public:
  explicit Helpers(int threads);  // 0: none; whoever wants the result works alone.
  ~Helpers();                     // Runs what is queued, then joins.
  Helpers(const Helpers&) = delete;
  Helpers& operator=(const Helpers&) = delete;

  int threads() const { return static_cast<int>(threads_.size()); }
  void Run(std::function<void()> task);

 private:
  void Work();

  absl::Mutex mu_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;  // Constant after construction.
};

}  // namespace promql
