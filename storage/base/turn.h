// Whether a request may go on: its client may have gone, its time may be up, or others may have to
// go first. Whoever runs requests implements it; base::MemoryMeter::Check asks it.
#pragma once

#include <cstdint>

#include <absl/status/status.h>

namespace base {

class Turn {
 public:
  virtual ~Turn() = default;
  // Asked often, by any thread that works for the request, which holds `used_bytes`; never waits.
  // When not OK the request ends with that status, soon.
  virtual absl::Status Check(int64_t used_bytes) = 0;
  // All requests together hold too much, and this one more than its share. Not OK when it will be
  // run anew once there is room; OK when nothing can be done for it.
  virtual absl::Status OutOfRoom() = 0;
  // It ends only to be run anew from its beginning: nobody need be told of this time.
  virtual bool put_off() const = 0;
};

}  // namespace base
