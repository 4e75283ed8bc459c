// How much memory each request holds, measured and not guessed: what the threads that work for it
// allocated, less what they freed. A request that grows past its limit is told so the next time it
// asks, and ends with an error instead of ending the server.
//
//   MemoryPool pool({.request_bytes = 64 << 20, .total_bytes = 256 << 20});
//   MemoryMeter meter(&pool);            // One request.
//   MemoryMeter::Scope scope(&meter);    // This thread works for it from here on.
//   RETURN_IF_ERROR(MemoryMeter::Check());   // Anywhere below, as often as a thousand bytes or so.
//
// The same check asks the request's Turn, if it has one: whether its client is still there, and so on.
//
// The counters are jemalloc's, kept for each thread anyway: an allocation costs nothing more. In a
// program without jemalloc nothing is counted and every check is good.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>

#include <absl/status/status.h>

#include "storage/base/turn.h"

namespace base {

struct MemoryLimits {
  int64_t request_bytes = 0;  // Of one request. 0: no limit.
  int64_t total_bytes = 0;    // Of all together. 0: no limit.
  // What the process as a whole may still take before requests have to give way; may be negative.
  // Asked for each MiB or so that they take. Null: nobody knows. Thread-safe.
  std::function<int64_t()> room;
};

// All requests of a process. Thread-safe.
class MemoryPool {
 public:
  MemoryPool() = default;  // No limits.
  explicit MemoryPool(MemoryLimits limits)
      : limits_(std::move(limits)), allowed_(limits_.total_bytes) {}
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  const MemoryLimits& limits() const { return limits_; }
  // Of total_bytes, what there was room for when it was last looked; 0 when there is no limit.
  int64_t allowed_bytes() const { return allowed_.load(std::memory_order_relaxed); }
  void LookForRoom();  // Now.
  int64_t used_bytes() const { return used_.load(std::memory_order_relaxed); }
  int64_t active() const { return active_.load(std::memory_order_relaxed); }  // Requests.
  uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }  // Likewise.

 private:
  friend class MemoryMeter;
  void Add(int64_t bytes);

  const MemoryLimits limits_;
  std::atomic<int64_t> used_{0}, active_{0}, allowed_{0};
  std::atomic<int64_t> since_look_{0};  // Taken since LookForRoom.
  std::atomic<uint64_t> refused_{0};
};

// One request. Thread-safe. What it holds counts as used until the meter goes: keep it as long as
// the answer.
class MemoryMeter {
 public:
  // Both outlive it. Without a `turn` only memory is judged.
  explicit MemoryMeter(MemoryPool* pool, Turn* turn = nullptr);
  ~MemoryMeter();                          // After every Scope of it.
  MemoryMeter(const MemoryMeter&) = delete;
  MemoryMeter& operator=(const MemoryMeter&) = delete;

  // While it lives, what this thread allocates and frees is the meter's; nobody's when it is null
  // (what goes into a cache, say). Scopes nest; each belongs to the thread that made it.
  class Scope {
   public:
    explicit Scope(MemoryMeter* meter);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    MemoryMeter* const outer_;
  };

  static MemoryMeter* OfThread();  // Null outside of any Scope. To hand on to threads that help.
  // Of OfThread(): Turn::put_off.
  static bool PutOff();
  static bool Counts();            // Whether this program has the counters.

  // Judges the request that this thread works for. kResourceExhausted when it holds more than
  // request_bytes; also when all hold more than total_bytes and this one more than an equal share
  // of it, so that small ones go on beside a large one. Whatever its Turn says. Nanoseconds.
  // `more`: bytes it is about to take at once, and must not when that would be too much.
  static absl::Status Check(int64_t more = 0);

  int64_t used_bytes() const { return used_.load(std::memory_order_relaxed); }
  int64_t peak_bytes() const { return peak_.load(std::memory_order_relaxed); }

 private:
  void Add(int64_t bytes);
  absl::Status Judge(int64_t more);

  MemoryPool* const pool_;
  Turn* const turn_;
  std::atomic<int64_t> used_{0}, peak_{0};
  std::atomic<bool> refused_{false};
};

}  // namespace base
