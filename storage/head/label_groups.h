// Groups series by some of their labels without looking at a label twice: by the ids of pairs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "storage/index/head_index.h"

namespace storage {

class LabelGroups {  // Not thread-safe. What it is given outlives it.
 public:
  // By the labels `names`, ascending. `expected_series`: how many will be asked for, about.
  LabelGroups(const HeadIndex* index, std::span<const std::string> names, size_t expected_series);

  // The same for those with the same values, below num_groups(). The pairs are kept alive.
  uint32_t Of(PairIds pairs);
  // Some of these may have no series.
  uint32_t num_groups() const { return num_nodes_; }

 private:
  // What a pair is to a series: unknown yet, of no name that is asked for, behind all such; or
  // kFirstGroup and above, the group of those that have it as the first pair asked for.
  static constexpr uint32_t kUnknown = 0, kOther = 1, kBehind = 2, kFirstGroup = 3;
  uint32_t& RoleOf(PairId id);
  uint32_t FindRole(PairId id);
  uint32_t Step(uint32_t node, PairId id);

  const HeadIndex* const index_;
  const std::span<const std::string> names_;
  // Roles by id: of all pairs when many are asked for, else of those seen.
  std::vector<uint32_t> roles_;
  absl::flat_hash_map<PairId, uint32_t> few_roles_;
  // A group is a node of a tree whose edges are the pairs asked for; 0 has none.
  uint32_t num_nodes_ = 1;
  absl::flat_hash_map<uint64_t, uint32_t> edges_;  // Of all nodes but 0: node and pair -> node.
  uint64_t last_edge_ = 0;  // And where it leads: neighbours are much alike.
  uint32_t last_node_ = 0;
};

}  // namespace storage
