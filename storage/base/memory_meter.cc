#include "storage/base/memory_meter.h"

#include <algorithm>
#include <utility>

#include "storage/base/status.h"
#include "storage/base/thread_bytes.h"

namespace base {
namespace {

// What one thread may hold back before it tells the meter.
constexpr int64_t kGrain = 64 << 10;
// What all may take between two looks for room.
constexpr int64_t kBetweenLooks = 1 << 20;
// A request that holds no more than this is never refused for what others hold.
constexpr int64_t kAlwaysAllowed = 1 << 20;

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

void MemoryPool::LookForRoom() {
  since_look_.store(0, std::memory_order_relaxed);
  if (!limits_.room || limits_.total_bytes <= 0) return;
  // Never 0, which would be no limit.
  allowed_.store(std::clamp<int64_t>(used_bytes() + limits_.room(), 1, limits_.total_bytes),
                 std::memory_order_relaxed);
}

void MemoryPool::Add(int64_t bytes) {
  used_.fetch_add(bytes, std::memory_order_relaxed);
  if (bytes <= 0 || !limits_.room) return;
  if (since_look_.fetch_add(bytes, std::memory_order_relaxed) + bytes >= kBetweenLooks) LookForRoom();
}

MemoryMeter::MemoryMeter(MemoryPool* pool, Turn* turn) : pool_(pool), turn_(turn) {
  ++pool_->active_;
}

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

bool MemoryMeter::PutOff() {
  const MemoryMeter* const meter = OfThread();
  return meter != nullptr && meter->turn_ != nullptr && meter->turn_->put_off();
}

bool MemoryMeter::Counts() { return CountsThreadBytes(); }

absl::Status MemoryMeter::Check(int64_t more) {
  ThreadState& state = State();
  if (state.meter == nullptr) return absl::OkStatus();
  state.Look();
  if (std::abs(state.pending) >= kGrain) state.meter->Add(std::exchange(state.pending, 0));
  RETURN_IF_ERROR(state.meter->Judge(more));
  Turn* const turn = state.meter->turn_;
  return turn == nullptr ? absl::OkStatus() : turn->Check(state.meter->used_bytes() + more);
}

void MemoryMeter::Add(int64_t bytes) {
  const int64_t used = used_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  pool_->Add(bytes);
  int64_t peak = peak_bytes();
  while (peak < used && !peak_.compare_exchange_weak(peak, used, std::memory_order_relaxed)) {
  }
}

absl::Status MemoryMeter::Judge(int64_t more) {
  const MemoryLimits& limits = pool_->limits();
  const int64_t used = used_bytes() + more;
  if (more > kBetweenLooks) pool_->LookForRoom();
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
  const int64_t total = pool_->used_bytes() + more, allowed = pool_->allowed_bytes();
  if (allowed > 0 && total > allowed &&
      used > std::max(kAlwaysAllowed, allowed / std::max<int64_t>(1, pool_->active()))) {
    if (turn_ != nullptr) {
      if (absl::Status status = turn_->OutOfRoom(); !status.ok()) return status;
    }
    return refused(ResourceExhausted(
        "all queries together take {:.1f} MiB of memory and may take {:.1f} now, and this one more "
        "than its share: try again later, or raise --storage.memory-limit",
        MiB(total), MiB(allowed)));
  }
  return absl::OkStatus();
}

}  // namespace base
