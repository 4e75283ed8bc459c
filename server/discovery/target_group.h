// What discovery found: targets that share labels. spec 6.1.
#pragma once

#include <string>
#include <vector>

#include "storage/model/labels.h"

namespace server {

struct TargetGroup {
  std::string source;  // Unique in its job: a later group of the same source stands in.
  std::vector<model::Labels> targets;  // Each with __address__, and labels of its own.
  model::Labels labels;                // Of all; a target's own labels win.
  friend bool operator==(const TargetGroup&, const TargetGroup&) = default;
};

}  // namespace server
