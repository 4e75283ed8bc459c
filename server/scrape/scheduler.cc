#include "server/scrape/scheduler.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <absl/time/time.h>

#include "storage/base/log.h"

namespace server {
namespace {

// A thread of ours never ends the process: what escapes a task is logged and the task is over.
void RunSafely(const Scheduler::Task& task) {
  try {
    task();
  } catch (const std::exception& e) {
    base::Log(base::LogLevel::kError, "scrape", "Task failed", {{"err", e.what()}});
  }
}

}  // namespace

Scheduler::Scheduler(int workers) {
  threads_.emplace_back([this] { KeepTime(); });
  for (int i = 0; i < workers; ++i) threads_.emplace_back([this] { Work(); });
}

Scheduler::~Scheduler() { Stop(); }

void Scheduler::RunAt(Clock::time_point when, Task task) {
  absl::MutexLock lock(&mu_);
  if (stopped_) return;
  timers_.push_back({when, next_number_++, std::move(task)});
  std::push_heap(timers_.begin(), timers_.end());
  timer_changed_.Signal();
}

void Scheduler::Post(Task task) {
  absl::MutexLock lock(&mu_);
  if (stopped_) return;
  work_.push_back(std::move(task));
  work_arrived_.Signal();
}

void Scheduler::Stop() {
  std::vector<Timed> timers;
  std::deque<Task> work;
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
    timers.swap(timers_);
    work.swap(work_);
    timer_changed_.SignalAll();
    work_arrived_.SignalAll();
  }
  for (std::thread& thread : std::exchange(threads_, {})) thread.join();
}

void Scheduler::KeepTime() {
  mu_.Lock();
  while (!stopped_) {
    if (timers_.empty()) {
      timer_changed_.Wait(&mu_);
      continue;
    }
    const auto wait = timers_.front().when - Clock::now();
    if (wait.count() > 0) {
      timer_changed_.WaitWithTimeout(&mu_, absl::FromChrono(wait));
      continue;
    }
    std::pop_heap(timers_.begin(), timers_.end());
    const Task task = std::move(timers_.back().task);
    timers_.pop_back();
    mu_.Unlock();
    RunSafely(task);
    mu_.Lock();
  }
  mu_.Unlock();
}

void Scheduler::Work() {
  mu_.Lock();
  while (!stopped_) {
    if (work_.empty()) {
      work_arrived_.Wait(&mu_);
      continue;
    }
    Task task = std::move(work_.front());
    work_.pop_front();
    mu_.Unlock();
    RunSafely(task);
    task = nullptr;  // What it holds is freed without the lock.
    mu_.Lock();
  }
  mu_.Unlock();
}

}  // namespace server
