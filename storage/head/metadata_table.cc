#include "storage/head/metadata_table.h"

#include <algorithm>
#include <utility>

namespace storage {
namespace {

constexpr size_t kOverhead = 128;  // Of an entry, beside its texts.
constexpr size_t kMaxShare = 64;

}  // namespace

size_t MetadataTable::BytesOf(std::string_view family, const model::MetadataView& metadata) {
  return kOverhead + family.size() + metadata.help.size() + metadata.unit.size();
}

bool MetadataTable::MayHold(std::string_view family, const model::MetadataView& metadata) const {
  return !family.empty() && !metadata.empty() &&
         BytesOf(family, metadata) <= max_bytes_ / kMaxShare;
}

MetadataTable::Entry* MetadataTable::Find(Entries* entries, const model::MetadataView& metadata) {
  for (Entry& entry : *entries) {
    if (entry.metadata.type == metadata.type && entry.metadata.help == metadata.help &&
        entry.metadata.unit == metadata.unit) {
      return &entry;
    }
  }
  return nullptr;
}

bool MetadataTable::Heard(std::string_view family, const model::MetadataView& metadata,
                          model::TimeMs now) {
  absl::MutexLock lock(&mu_);
  const auto it = families_.find(family);
  if (it == families_.end()) return false;
  Entry* entry = Find(&it->second, metadata);
  if (entry == nullptr) return false;
  entry->seen = now;  // Also when the clock was set back.
  return true;
}

void MetadataTable::Add(model::FamilyMetadata added) {
  if (!MayHold(added.family, added.metadata.view())) return;
  absl::MutexLock lock(&mu_);
  Entries& entries = families_[added.family];
  if (Entry* entry = Find(&entries, added.metadata.view())) {
    entry->seen = std::max(entry->seen, added.seen);
    return;
  }
  bytes_ += BytesOf(added.family, added.metadata.view());
  ++num_entries_;
  entries.push_back({std::move(added.metadata), added.seen});
  if (entries.size() > kMaxOfFamily) {
    const auto oldest = std::min_element(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
      return a.seen < b.seen;
    });
    bytes_ -= BytesOf(added.family, oldest->metadata.view());
    --num_entries_;
    entries.erase(oldest);
  }
  if (bytes_ > max_bytes_) MakeRoom();
}

void MetadataTable::MakeRoom() {
  std::vector<model::TimeMs> seen;
  for (const auto& [family, entries] : families_) {
    for (const Entry& entry : entries) seen.push_back(entry.seen);
  }
  const auto eighth = seen.begin() + static_cast<std::ptrdiff_t>(seen.size() / 8);
  std::nth_element(seen.begin(), eighth, seen.end());
  // Of those heard at the very same time so many that it is an eighth.
  size_t at_limit = seen.size() / 8 + 1 -
      static_cast<size_t>(std::count_if(seen.begin(), seen.end(), [&](auto t) { return t < *eighth; }));
  EraseIf([&](const Entry& entry) {
    return entry.seen < *eighth || (entry.seen == *eighth && at_limit > 0 && at_limit-- > 0);
  });
}

void MetadataTable::EraseIf(absl::FunctionRef<bool(const Entry&)> goes) {
  absl::erase_if(families_, [&](auto& item) {
    std::erase_if(item.second, [&](const Entry& entry) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      if (!goes(entry)) return false;
      bytes_ -= BytesOf(item.first, entry.metadata.view());
      --num_entries_;
      return true;
    });
    return item.second.empty();
  });
}

std::vector<model::FamilyMetadata> MetadataTable::List(std::string_view family, bool shown) const {
  std::vector<model::FamilyMetadata> list;
  {
    absl::MutexLock lock(&mu_);
    const auto append = [&](const std::string& name, const Entries& entries) {
      model::TimeMs newest = entries.front().seen;
      for (const Entry& entry : entries) newest = std::max(newest, entry.seen);
      for (const Entry& entry : entries) {
        if (shown && newest - entry.seen > kShownMs) continue;
        list.push_back({name, entry.metadata, entry.seen});
      }
    };
    if (!family.empty()) {
      if (const auto it = families_.find(family); it != families_.end()) append(it->first, it->second);
    } else {
      list.reserve(num_entries_);
      for (const auto& [name, entries] : families_) append(name, entries);
    }
  }
  std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) {
    if (a.family != b.family) return a.family < b.family;
    if (a.seen != b.seen) return a.seen > b.seen;
    return std::tie(a.metadata.type, a.metadata.help, a.metadata.unit) <
           std::tie(b.metadata.type, b.metadata.help, b.metadata.unit);
  });
  return list;
}

void MetadataTable::Forget(model::TimeMs heard_before, model::TimeMs used_before,
                           absl::FunctionRef<bool(std::string_view family)> in_use) {
  const auto idle = [&](const Entries& entries) {
    return std::all_of(entries.begin(), entries.end(),
                       [&](const Entry& e) { return e.seen < used_before; });
  };
  std::vector<std::string> unused;
  {
    absl::MutexLock lock(&mu_);
    EraseIf([&](const Entry& entry) { return entry.seen < heard_before; });
    for (const auto& [family, entries] : families_) {
      if (idle(entries)) unused.push_back(family);
    }
  }
  std::erase_if(unused, [&](const std::string& family) { return in_use(family); });
  absl::MutexLock lock(&mu_);
  for (const std::string& family : unused) {
    const auto it = families_.find(family);
    if (it == families_.end() || !idle(it->second)) continue;
    for (const Entry& entry : it->second) bytes_ -= BytesOf(family, entry.metadata.view());
    num_entries_ -= it->second.size();
    families_.erase(it);
  }
}

size_t MetadataTable::num_entries() const {
  absl::MutexLock lock(&mu_);
  return num_entries_;
}

size_t MetadataTable::bytes() const {
  absl::MutexLock lock(&mu_);
  return bytes_;
}

}  // namespace storage
