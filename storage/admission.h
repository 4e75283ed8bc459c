// What the store refuses for the time being, and why. The server's watch closes and opens gates;
// appenders and queriers ask. Existing series keep flowing through a closed kNewSeries.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/synchronization/mutex.h>

namespace storage {

class Admission {  // Thread-safe. An open gate costs one load.
 public:
  enum class Gate : uint8_t {
    kLog,        // Commits: there is no log to write to.
    kDisk,       // Commits: too little space is left.
    kNewSeries,  // Series never seen before.
    kQueries,
  };
  static constexpr int kGates = 4;

  // `reason` is a whole sentence with figures and the flag concerned. Closing again changes it.
  void Close(Gate gate, std::string reason);
  void Open(Gate gate);
  bool closed(Gate gate) const {
    return (closed_.load(std::memory_order_acquire) & Bit(gate)) != 0;
  }
  std::string reason(Gate gate) const;  // Empty when open.

  // kUnavailable with the reason when batches are refused; counts `samples` then.
  absl::Status CheckCommit(uint64_t samples);
  // kResourceExhausted likewise; counts one.
  absl::Status CheckQuery();

  // How much later the answer to a push is to leave, so that senders do not outrun the flush.
  void SetHoldBack(int64_t ms) { hold_back_ms_.store(ms, std::memory_order_relaxed); }
  int64_t hold_back_ms() const { return hold_back_ms_.load(std::memory_order_relaxed); }

  uint64_t refused_commits() const { return refused_commits_.load(std::memory_order_relaxed); }
  uint64_t refused_samples() const { return refused_samples_.load(std::memory_order_relaxed); }
  uint64_t refused_queries() const { return refused_queries_.load(std::memory_order_relaxed); }

 private:
  static uint32_t Bit(Gate gate) { return 1u << static_cast<int>(gate); }

  std::atomic<uint32_t> closed_{0};
  std::atomic<int64_t> hold_back_ms_{0};
  std::atomic<uint64_t> refused_commits_{0}, refused_samples_{0}, refused_queries_{0};
  mutable absl::Mutex mu_;
  std::array<std::string, kGates> reasons_ ABSL_GUARDED_BY(mu_);
};

}  // namespace storage
