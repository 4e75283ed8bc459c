// Who may still hold plain pointers to series. Appenders and queriers enter and leave; time is
// counted in generations, and the flush begins a new one. What is unlinked in generation g may be
// freed when everybody inside entered after g.
#pragma once

#include <cstdint>
#include <map>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

namespace storage {

using Generation = uint32_t;  // From 1; one per flush, so 32 bits do.

class Gate {  // Thread-safe.
 public:
  Generation Enter() {
    absl::MutexLock lock(&mu_);
    ++inside_[current_];
    return current_;
  }
  void Leave(Generation generation) {
    absl::MutexLock lock(&mu_);
    const auto it = inside_.find(generation);
    if (--it->second == 0) inside_.erase(it);
  }
  // Begins the next generation, and returns the one before.
  Generation Advance() {
    absl::MutexLock lock(&mu_);
    return current_++;
  }
  // Nobody inside now or later entered before this one.
  Generation oldest() const {
    absl::MutexLock lock(&mu_);
    return inside_.empty() ? current_ : inside_.begin()->first;
  }

 private:
  mutable absl::Mutex mu_;
  Generation current_ ABSL_GUARDED_BY(mu_) = 1;
  std::map<Generation, uint64_t> inside_ ABSL_GUARDED_BY(mu_);
};

// Inside for as long as it lives.
class GatePass {
 public:
  explicit GatePass(Gate* gate) : gate_(gate), generation_(gate->Enter()) {}
  GatePass(const GatePass&) = delete;
  GatePass& operator=(const GatePass&) = delete;
  ~GatePass() { gate_->Leave(generation_); }
  Generation generation() const { return generation_; }

 private:
  Gate* const gate_;
  const Generation generation_;
};

}  // namespace storage
