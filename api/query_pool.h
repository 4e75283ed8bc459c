// Threads that run what reads the store, so that no request holds up the others for long.
//
// Each request starts in the cost class (cost_class.h) that its like came to before, and each class
// has places of its own, few for dear requests, so that cheap ones find a free thread. Once a request
// has used up what its class may take, it moves to the next one, as it stands if there is a place.
// If not, it is put off: it ends at its next MemoryMeter::Check, what it held is freed, and it waits
// in the line of its class to be run anew. Classes grow tenfold and more, so what is done twice is a
// small part.
//
// Lines are fair between clients (fair_queue.h). Threads that run dear requests have a lower priority
// with the kernel and end with them. Waiting is bounded in number and, with running, in time.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <thread>

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include "api/cost_class.h"
#include "api/fair_queue.h"
#include "storage/base/memory_meter.h"
#include "storage/base/stats.h"
#include "storage/base/turn.h"

namespace api {

struct QueryPoolOptions {
  int max_concurrency = 20;                  // --query.max-concurrency
  int max_waiting = 256;                     // --query.max-waiting; one address: three quarters.
  absl::Duration timeout = absl::Minutes(2);  // --query.timeout: from arrival to the end.
  int cores = 0;                             // 0: of the machine.
  base::MemoryPool* memory = nullptr;        // Of the requests. May be null; else outlives the pool.
};

struct QueryPoolStats {
  std::array<int64_t, kCostClasses> running = {}, waiting = {};
  uint64_t put_off = 0;                        // Times that a request was.
  uint64_t refused_full = 0, timed_out = 0;    // Timed out waiting.
};

class QueryPool {  // Thread-safe.
 public:
  class Ticket;
  struct Job {
    Client client;
    uint64_t fingerprint = 0;                      // FingerprintOf; 0: nobody knows.
    absl::Duration timeout = absl::InfiniteDuration();  // Its own, if less than that of the pool.
    const std::atomic<bool>* cancelled = nullptr;  // Lives as long as the job.
    // On a thread of the pool. When ticket->put_off() afterwards, nothing was answered and it will be
    // called once more.
    std::function<void(Ticket* ticket)> run;
    // Instead of it, on any thread: kUnavailable (too many wait), kDeadlineExceeded, kCancelled.
    std::function<void(const absl::Status& status)> refuse;
  };

  // What one request may do, asked while it runs.
  class Ticket final : public base::Turn {
   public:
    absl::Status Check(int64_t used_bytes) override;
    absl::Status OutOfRoom() override;
    absl::Time arrived() const { return arrived_; }
    bool put_off() const override { return put_off_.load(std::memory_order_relaxed); }

   private:
    friend class QueryPool;
    absl::Status Late() const;
    double Seconds() const;  // Of a core, in this run. On its thread only.

    QueryPool* pool_ = nullptr;
    Job job_;
    absl::Time arrived_, deadline_;
    CostClass cost_ = kNew;        // Changed by its own thread, under mu_.
    bool tried_room_ = false;      // OutOfRoom has helped once.
    std::atomic<bool> put_off_{false}, cut_short_{false};
    // Of this run.
    CostClass runs_as_ = kNew;     // Whose place it has: cost_ until it is put off.
    std::thread::id thread_;
    absl::Time started_;
    double cpu_at_start_ = 0, charged_ = 0;
    int64_t peak_bytes_ = 0;       // Seen by its own thread.
  };

  explicit QueryPool(QueryPoolOptions options);
  ~QueryPool();  // Stop.

  void Submit(Job job) ABSL_LOCKS_EXCLUDED(mu_);
  // Refuses those whose client has gone or whose time is up while they wait. A few times a second.
  void Sweep() ABSL_LOCKS_EXCLUDED(mu_);
  // Jobs that run are finished, those that wait are not begun. Returns when all threads have ended.
  // Idempotent; Submit does nothing afterwards.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);
  QueryPoolStats stats() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using TicketPtr = std::unique_ptr<Ticket>;

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  TicketPtr Take(bool dear_only) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RunOne(Ticket* ticket);
  void RefuseLate(const Ticket& ticket);  // Whose time went by in a line.
  // Back into a line, when it was put off. Otherwise it is left to the caller.
  void Finish(TicketPtr* ticket) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Whether one more may run in that class, beside those that do.
  bool HasPlace(CostClass cost) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool HasRoom(CostClass cost) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  int RunningFrom(int cost) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The class whose turn it is, or nothing.
  std::optional<CostClass> Next(bool dear_only) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Moves a running request to `cost`, on its own thread. False: it must be put off.
  bool Move(Ticket* ticket, CostClass cost) ABSL_LOCKS_EXCLUDED(mu_);
  int64_t total_bytes() const {
    return options_.memory == nullptr ? 0 : options_.memory->limits().total_bytes;
  }
  void WakeOne() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const QueryPoolOptions options_;
  std::array<int, kCostClasses> places_ = {};  // From kModest up: of the class and those above it.
  size_t most_threads_ = 0;
  CostHistory history_;

  mutable absl::Mutex mu_;
  absl::CondVar wake_, end_;
  std::array<FairQueue<TicketPtr>, kCostClasses> lines_ ABSL_GUARDED_BY(mu_);
  std::array<int, kCostClasses> running_ ABSL_GUARDED_BY(mu_) = {};
  size_t waiting_ ABSL_GUARDED_BY(mu_) = 0;
  std::list<std::thread> threads_ ABSL_GUARDED_BY(mu_), ended_ ABSL_GUARDED_BY(mu_);
  int idle_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  base::Counter put_off_, refused_full_, timed_out_;
};

}  // namespace api
