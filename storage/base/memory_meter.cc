#include "storage/base/memory_meter.h"

#include <algorithm>
#include <utility>

#include "storage/base/status.h"
#include "storage/base/thread_bytes.h"

namespace base {
namespace {

// What one thread may hold back before it tells the meter.
constexpr int64_t kGrain = 64 << 10;

struct ThreadState {
  MemoryMeter* meter = nullptr;
  int64_t seen = 0;     // What ThreadBytes() was when it was last looked at.
  int64_t pending = 0;  // Since the meter was last told.

  void Look() {
    const int64_t net = ThreadBytes();
    if (meter != nullptr) pending += net - seen;
    seen = net;
  }
};

ThreadState& State() {
  thread_local ThreadState state;
  return state;
}

double MiB(int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

}  // namespace

MemoryMeter::MemoryMeter(MemoryPool* pool) : pool_(pool) { ++pool_->active_; }

MemoryMeter::~MemoryMeter() {
  pool_->used_ -= used_bytes();
  --pool_->active_;
}

MemoryMeter::Scope::Scope(MemoryMeter* meter) : outer_(State().meter) {
  ThreadState& state = State();
  state.Look();
  if (outer_ != nullptr && meter != nullptr && meter != outer_) {
    outer_->Add(std::exchange(state.pending, 0));
  }
  state.meter = meter;
}

MemoryMeter::Scope::~Scope() {
  ThreadState& state = State();
  state.Look();
  // What is pending of `outer_` stays so across a pause.
  if (state.meter != nullptr && state.meter != outer_) {
    state.meter->Add(std::exchange(state.pending, 0));
  }
  state.meter = outer_;
}

MemoryMeter* MemoryMeter::OfThread() { return State().meter; }

bool MemoryMeter::Counts() { return CountsThreadBytes(); }

absl::Status MemoryMeter::Check() {
  ThreadState& state = State();
  if (state.meter == nullptr) return absl::OkStatus();
  state.Look();
  if (std::abs(state.pending) >= kGrain) state.meter->Add(std::exchange(state.pending, 0));
  return state.meter->Judge();
}

void MemoryMeter::Add(int64_t bytes) {
  const int64_t used = used_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  pool_->used_.fetch_add(bytes, std::memory_order_relaxed);
  int64_t peak = peak_bytes();
  while (peak < used && !peak_.compare_exchange_weak(peak, used, std::memory_order_relaxed)) {
  }
}

absl::Status MemoryMeter::Judge() {
  const MemoryLimits& limits = pool_->limits();
  const int64_t used = used_bytes();
  const auto refused = [&](absl::Status status) {
    if (!refused_.exchange(true)) pool_->refused_.fetch_add(1, std::memory_order_relaxed);
    return status;
  };
  if (limits.request_bytes > 0 && used > limits.request_bytes) {
    return refused(ResourceExhausted(
        "the query takes more than {:.1f} MiB of memory (--query.max-bytes): ask for fewer series "
        "or a shorter time",
        MiB(limits.request_bytes)));
  }
  const int64_t total = pool_->used_bytes();
  if (limits.total_bytes > 0 && total > limits.total_bytes &&
      used > limits.total_bytes / std::max<int64_t>(1, pool_->active())) {
    return refused(ResourceExhausted(
        "all queries together take {:.1f} MiB of memory and may take {:.1f}, and this one more "
        "than its share: try again later, or raise --storage.memory-limit",
        MiB(total), MiB(limits.total_bytes)));
  }
  return absl::OkStatus();
}

}  // namespace base
