// Targets written down in the configuration itself.
#pragma once

#include <vector>

#include "server/config/config.h"
#include "server/discovery/discoverer.h"

namespace server {

class StaticDiscovery final : public Discoverer {
 public:
  explicit StaticDiscovery(const std::vector<StaticConfig>& configs);
  bool Poll(int64_t now_ms) override;
  const std::vector<TargetGroup>& groups() const override { return groups_; }

 private:
  std::vector<TargetGroup> groups_;  // Sources: "0", "1", ...
  bool seen_ = false;
};

}  // namespace server
