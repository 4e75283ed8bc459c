// Where time comes from. Tests bring a ManualClock (tests/testing/manual_clock.h).
#pragma once

#include <chrono>
#include <cstdint>

namespace base {

class Clock {  // Thread-safe.
 public:
  virtual ~Clock() = default;
  virtual int64_t NowMs() const = 0;  // Milliseconds since the Unix epoch.
};

class SystemClock : public Clock {
 public:
  int64_t NowMs() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  static SystemClock* Get() {  // Never destroyed.
    static SystemClock* clock = new SystemClock;
    return clock;
  }
};

}  // namespace base
