#include "storage/head/label_groups.h"

#include <algorithm>

namespace storage {

LabelGroups::LabelGroups(const HeadIndex* index, std::span<const std::string> names,
                         size_t expected_series)
    : index_(index), names_(names) {
  constexpr size_t kPairsPerSeries = 8;  // So many zeros are written as fast as one is looked up.
  const uint32_t ids = index->num_ids();
  if (ids / kPairsPerSeries <= expected_series) roles_.resize(ids);
}

uint32_t& LabelGroups::RoleOf(PairId id) {
  const auto i = static_cast<uint32_t>(id);
  return i < roles_.size() ? roles_[i] : few_roles_[id];
}

uint32_t LabelGroups::FindRole(PairId id) {
  const std::string_view name = index_->label(id).name;
  if (names_.empty() || name > names_.back()) return kBehind;
  if (!std::binary_search(names_.begin(), names_.end(), name)) return kOther;
  return kFirstGroup + num_nodes_++;
}

uint32_t LabelGroups::Step(uint32_t node, PairId id) {
  const uint64_t edge = uint64_t{node} << 32 | static_cast<uint32_t>(id);
  if (edge == last_edge_) return last_node_;
  const auto [it, added] = edges_.try_emplace(edge, num_nodes_);
  if (added) ++num_nodes_;
  last_edge_ = edge;
  return last_node_ = it->second;
}

uint32_t LabelGroups::Of(PairIds pairs) {
  uint32_t node = 0;
  size_t left = names_.size();
  for (const PairId id : pairs) {
    uint32_t& role = RoleOf(id);
    if (role == kUnknown) role = FindRole(id);
    if (role == kBehind) break;
    if (role == kOther) continue;
    node = node == 0 ? role - kFirstGroup : Step(node, id);
    if (--left == 0) break;
  }
  return node;
}

}  // namespace storage
