// What wakes the main thread: signals, and what other threads post.
#pragma once

#include <cstdint>

namespace server {

enum class Event : uint8_t { kStop, kReload, kOpened };

// One per process, made on the main thread before any other thread starts: SIGINT, SIGTERM and
// SIGHUP are blocked from then on and come through here. SIGPIPE is ignored.
class Events {
 public:
  Events();
  ~Events();

  Event Wait();            // Main thread only.
  void Post(Event event);  // Thread-safe.
  // From now on a further SIGINT or SIGTERM ends the process at once, with exit code 1.
  void ExitOnSecondSignal();

 private:
  int signals_ = -1;          // signalfd
  int posted_[2] = {-1, -1};  // A pipe of bytes, each an Event.
};

}  // namespace server
