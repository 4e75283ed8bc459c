#include "storage/damage.h"

#include <algorithm>

#include <fmt/format.h>

#include "storage/base/log.h"

namespace storage {

std::string_view ToString(FoundBy found_by) {
  switch (found_by) {
    case FoundBy::kStart: return "start";
    case FoundBy::kQuery: return "query";
    case FoundBy::kMerge: return "merge";
    case FoundBy::kScrub: return "scrub";
    case FoundBy::kVerify: return "verify";
  }
  return "";
}

// Of a series the times say where; who found it may have other words for the same.
std::string DamageList::PlaceOf(const Damage& d) {
  return fmt::format("{}\n{}\n{} {}\n{}", d.block, d.series, d.range.min, d.range.max,
                     d.series.empty() ? d.what : "");
}

bool DamageList::MakeRoom() {
  if (entries_.size() < kMax) return true;
  const auto gone = std::find_if(entries_.begin(), entries_.end(),
                                 [](const auto& entry) { return entry.second.block_gone; });
  if (gone == entries_.end()) return false;
  places_.erase(PlaceOf(gone->second.damage));
  entries_.erase(gone);
  return true;
}

bool DamageList::Add(Damage damage) {
  damage.found_at_ms = clock_->NowMs();
  {
    absl::MutexLock lock(&mu_);
    std::string place = PlaceOf(damage);
    if (places_.contains(place)) return false;
    const ChangeLog::Change change(changes_.get(), damage.range);
    if (!MakeRoom()) {
      if (not_listed_++ == 0) {
        base::Log(base::LogLevel::kError, "storage",
                  "The list of damage is full; what is found from now on is only counted",
                  {{"places", std::to_string(kMax)}});
      }
      return false;
    }
    places_.emplace(std::move(place), found_);
    entries_.emplace(found_++, Entry{damage});
  }
  base::Log(base::LogLevel::kError, "storage", "Damage on the disk",
            {{"block", damage.block},
             {"series", damage.series},
             {"mint", std::to_string(damage.range.min)},
             {"maxt", std::to_string(damage.range.max)},
             {"what", damage.what},
             {"found_by", std::string(ToString(damage.found_by))}});
  return true;
}

void DamageList::BlockGone(std::string_view ulid) {
  absl::MutexLock lock(&mu_);
  for (auto& [number, entry] : entries_) {
    if (entry.damage.block == ulid) entry.block_gone = true;
  }
}

std::vector<Damage> DamageList::list() const {
  absl::MutexLock lock(&mu_);
  std::vector<Damage> list;
  for (const auto& [number, entry] : entries_) list.push_back(entry.damage);
  return list;
}

uint64_t DamageList::found() const {
  absl::MutexLock lock(&mu_);
  return found_;
}

uint64_t DamageList::not_listed() const {
  absl::MutexLock lock(&mu_);
  return not_listed_;
}

}  // namespace storage
