// Threads that run jobs in the order they came, with a few kept free for prompt ones.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "api/router.h"

namespace api {

// Thread-safe.
class WorkerPool {
 public:
  // `workers` threads take any job, the oldest first; `prompt_workers` only those of kPrompt.
  WorkerPool(int workers, int prompt_workers);
  ~WorkerPool();  // Stop.

  void Submit(Lane lane, std::function<void()> job);
  // Jobs that run are finished, those that wait are not begun. Returns when all threads have ended.
  // Idempotent; Submit does nothing afterwards.
  void Stop();

 private:
  struct Job {
    uint64_t number;
    std::function<void()> run;
  };
  void Run(bool prompt_only);
  bool Take(bool prompt_only, Job* job) ABSL_LOCKS_EXCLUDED(mu_);
  bool HasJob(bool prompt_only) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return !prompt_.empty() || (!prompt_only && !ordinary_.empty());
  }

  absl::Mutex mu_;
  absl::CondVar any_wake_, prompt_wake_;
  std::deque<Job> ordinary_ ABSL_GUARDED_BY(mu_), prompt_ ABSL_GUARDED_BY(mu_);
  uint64_t next_number_ ABSL_GUARDED_BY(mu_) = 0;
  int idle_prompt_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;  // Constant after construction.
};

}  // namespace api
