// Numbers that rooms count. No names here: server/self_metrics alone knows what they are called.
#pragma once

#include <atomic>
#include <cstdint>

namespace base {

class Counter {  // Thread-safe. Only grows.
 public:
  void Add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Gauge {  // Thread-safe.
 public:
  void Set(int64_t v) { value_.store(v, std::memory_order_relaxed); }
  void Add(int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// How often something took how long, in all.
struct DurationSummary {
  Counter count;
  Counter total_ns;
  void Observe(uint64_t ns) {
    count.Add();
    total_ns.Add(ns);
  }
};

}  // namespace base
