#include "api/worker_pool.h"

#include <exception>

#include "storage/base/log.h"

namespace api {

WorkerPool::WorkerPool(int workers, int prompt_workers) {
  for (int i = 0; i < workers; ++i) threads_.emplace_back([this] { Run(false); });
  for (int i = 0; i < prompt_workers; ++i) threads_.emplace_back([this] { Run(true); });
}

WorkerPool::~WorkerPool() { Stop(); }

void WorkerPool::Submit(Lane lane, std::function<void()> job) {
  absl::MutexLock lock(&mu_);
  if (stopped_) return;
  (lane == Lane::kPrompt ? prompt_ : ordinary_).push_back({next_number_++, std::move(job)});
  if (lane == Lane::kPrompt && idle_prompt_ > 0) {
    prompt_wake_.Signal();
  } else {
    any_wake_.Signal();
  }
}

void WorkerPool::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
    any_wake_.SignalAll();
    prompt_wake_.SignalAll();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

bool WorkerPool::Take(bool prompt_only, Job* job) {
  absl::MutexLock lock(&mu_);
  while (!stopped_ && !HasJob(prompt_only)) {
    if (!prompt_only) {
      any_wake_.Wait(&mu_);
      continue;
    }
    ++idle_prompt_;
    prompt_wake_.Wait(&mu_);
    --idle_prompt_;
  }
  if (stopped_) return false;
  std::deque<Job>* from = &prompt_;
  if (!prompt_only && !ordinary_.empty() &&
      (prompt_.empty() || ordinary_.front().number < prompt_.front().number)) {
    from = &ordinary_;
  }
  *job = std::move(from->front());
  from->pop_front();
  return true;
}

void WorkerPool::Run(bool prompt_only) {
  Job job;
  while (Take(prompt_only, &job)) {
    try {
      job.run();
    } catch (const std::exception& e) {
      base::Log(base::LogLevel::kError, "web", "Worker job failed", {{"err", e.what()}});
    }
    job.run = nullptr;  // What it holds goes now, not with the next job.
  }
}

}  // namespace api
