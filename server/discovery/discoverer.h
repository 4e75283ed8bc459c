// One way of finding the targets of a job. Discoverers are passive: the DiscoveryManager's thread
// asks them to look, one after the other.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "server/discovery/target_group.h"

namespace server {

class Discoverer {  // Not thread-safe.
 public:
  virtual ~Discoverer() = default;
  // Looks for news if it is time to. True when groups() have changed; the first call says true.
  virtual bool Poll(int64_t now_ms) = 0;
  // All that is known. What could not be read keeps what was last read well.
  virtual const std::vector<TargetGroup>& groups() const = 0;
};

}  // namespace server
