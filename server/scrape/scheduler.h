// Does things at their time: one thread keeps the time, a few workers do the work. Used by scrape
// loops, whose parsing and appending runs on the workers.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <queue>
#include <thread>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

namespace server {

// Thread-safe.
class Scheduler {
 public:
  using Clock = std::chrono::steady_clock;
  using Task = std::function<void()>;

  explicit Scheduler(int workers);
  ~Scheduler();  // As Stop.

  // Runs `task` on the timing thread at `when`, or at once if that is past. Short tasks only.
  void RunAt(Clock::time_point when, Task task);
  // Runs `task` on a worker, in order of arrival.
  void Post(Task task);
  // What runs is finished, what waits is dropped. Called from a thread that is none of its own.
  void Stop();

 private:
  struct Timed {
    Clock::time_point when;
    uint64_t number;  // Equal times run in the order they came.
    Task task;
    bool operator<(const Timed& o) const {  // For a heap with the earliest on top.
      return when != o.when ? when > o.when : number > o.number;
    }
  };

  void KeepTime();
  void Work();

  absl::Mutex mu_;
  absl::CondVar timer_changed_, work_arrived_;
  std::vector<Timed> timers_ ABSL_GUARDED_BY(mu_);  // A heap.
  uint64_t next_number_ ABSL_GUARDED_BY(mu_) = 0;
  std::deque<Task> work_ ABSL_GUARDED_BY(mu_);
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;  // Constant after construction, until Stop.
};

}  // namespace server
