#include "storage/block/postings_builder.h"

#include <algorithm>
#include <cstring>

#include "storage/base/status.h"

namespace storage::block {

constexpr size_t kArenaBlock = 64 << 10;

const char* PostingsBuilder::Keep(std::string_view value) {
  if (value.size() > left_) {
    left_ = std::max(kArenaBlock, value.size());
    arena_.push_back(std::make_unique_for_overwrite<char[]>(left_));
    free_ = arena_.back().get();
  }
  char* const place = free_;
  std::memcpy(place, value.data(), value.size());
  free_ += value.size();
  left_ -= value.size();
  return place;
}

PostingsBuilder::PairIndex PostingsBuilder::Find(Name* name, std::string_view value) {
  if (!name->values.empty() && pairs_[name->newest].text() == value) return name->newest;
  if (const auto it = name->values.find(value); it != name->values.end()) return *it;
  pairs_.push_back({Keep(value), static_cast<uint32_t>(value.size()), 0, {}});
  const auto index = static_cast<PairIndex>(pairs_.size() - 1);
  name->values.insert(index);
  return index;
}

void PostingsBuilder::Add(uint32_t ref, model::LabelsView labels) {
  for (const model::Label& label : labels) {
    auto it = names_.find(label.name);
    if (it == names_.end()) it = names_.try_emplace(std::string(label.name), &pairs_).first;
    Name& name = it->second;
    name.newest = Find(&name, label.value);
    Pair& pair = pairs_[name.newest];
    uint32_t delta = ref - pair.last;
    for (; delta >= 0x80; delta >>= 7) pair.refs.push_back(static_cast<char>(delta | 0x80));
    pair.refs.push_back(static_cast<char>(delta));
    pair.last = ref;
  }
}

absl::Status PostingsBuilder::ForEach(const Visit& visit) const {
  std::vector<PairIndex> sorted;
  for (const auto& [name, all] : names_) {
    sorted.assign(all.values.begin(), all.values.end());
    std::sort(sorted.begin(), sorted.end(), [this](PairIndex a, PairIndex b) {
      return pairs_[a].text() < pairs_[b].text();
    });
    for (const PairIndex i : sorted) {
      RETURN_IF_ERROR(visit(name, pairs_[i].text(), pairs_[i].refs.view()));
    }
  }
  return absl::OkStatus();
}

}  // namespace storage::block
