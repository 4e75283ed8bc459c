// For lines that would come with every request while something is wrong.
//
//   static base::LogThrottle throttle(absl::Seconds(10));
//   if (const auto unsaid = throttle.Ask()) base::Log(..., {{"not_logged", std::to_string(*unsaid)}});
#pragma once

#include <cstdint>
#include <optional>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>

namespace base {

class LogThrottle {  // Thread-safe.
 public:
  explicit LogThrottle(absl::Duration between) : between_(between) {}
  // How many lines were held back, when this one may be written.
  std::optional<uint64_t> Ask() {
    const absl::Time now = absl::Now();
    absl::MutexLock lock(&mu_);
    // A clock that went back must not silence it for long.
    if (now < last_ + between_ && now >= last_) {
      ++unsaid_;
      return std::nullopt;
    }
    last_ = now;
    const uint64_t unsaid = unsaid_;
    unsaid_ = 0;
    return unsaid;
  }

 private:
  const absl::Duration between_;
  absl::Mutex mu_;
  absl::Time last_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  uint64_t unsaid_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace base
