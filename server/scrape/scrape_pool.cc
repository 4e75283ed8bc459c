#include "server/scrape/scrape_pool.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "storage/base/log.h"

namespace server {

ScrapePool::ScrapePool(std::shared_ptr<ScrapeContext> context,
                       std::shared_ptr<const ScrapeJob> job)
    : context_(std::move(context)), job_(std::move(job)) {}

void ScrapePool::Sync(std::vector<TargetGroup> groups) {
  absl::MutexLock lock(&sync_mu_);
  groups_ = std::move(groups);
  SyncLocked();
}

void ScrapePool::Apply(std::shared_ptr<const ScrapeJob> job) {
  absl::MutexLock lock(&sync_mu_);
  {
    absl::MutexLock state(&mu_);
    job_ = std::move(job);
  }
  SyncLocked();
}

void ScrapePool::SyncLocked() {
  const auto start = std::chrono::steady_clock::now();
  const std::shared_ptr<const ScrapeJob> job = this->job();
  BuiltTargets built;
  for (const TargetGroup& group : groups_) BuildTargets(job->config, group, &built);
  for (const std::string& failure : built.failures) {
    base::Log(base::LogLevel::kError, "scrape", "Creating target failed",
              {{"scrape_pool", job->config.job_name}, {"err", failure}});
  }
  {
    absl::MutexLock lock(&mu_);
    if (ended_) return;
    ++syncs_;
    sync_failed_ += built.failures.size();
    dropped_count_ = built.dropped.size();
    dropped_ = std::move(built.dropped);
    const uint64_t keep = job->config.keep_dropped_targets;
    if (keep > 0 && dropped_.size() > keep) dropped_.resize(keep);
    Match(std::move(built));
  }
  sync_length_.Observe(
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
}

// The wanted targets take over the loops there are; what is left of either begins or ends.
void ScrapePool::Match(BuiltTargets built) {
  base::StringMap<Active> before = std::exchange(active_, {});
  std::vector<std::shared_ptr<Target>> unmatched;
  for (std::shared_ptr<Target>& target : built.active) {
    if (active_.contains(target->key())) continue;  // Repeated.
    const auto it = before.find(target->key());
    if (it == before.end()) {
      active_.emplace(target->key(), Active{target, nullptr});
      unmatched.push_back(std::move(target));
      continue;
    }
    it->second.target->SetDiscovered(target->status().discovered);
    it->second.loop->Update(job_, it->second.target);
    active_.emplace(target->key(), std::move(it->second));
    before.erase(it);
  }
  // The same target with another interval keeps its loop and cache.
  base::StringMap<Active*> by_identity;
  for (auto& [key, active] : before) by_identity.emplace(active.target->identity(), &active);
  std::vector<std::shared_ptr<ScrapeLoop>> fresh;
  for (const std::shared_ptr<Target>& target : unmatched) {
    Active& place = active_[target->key()];
    const auto it = by_identity.find(target->identity());
    if (it != by_identity.end()) {
      place.loop = std::move(it->second->loop);
      place.loop->Update(job_, target);
      by_identity.erase(it);
    } else {
      place.loop = std::make_shared<ScrapeLoop>(
          context_, job_, target,
          [pool = weak_from_this(), identity = target->identity()] {
            const std::shared_ptr<ScrapePool> alive = pool.lock();
            return alive != nullptr && alive->Scrapes(identity);
          });
      fresh.push_back(place.loop);
    }
  }
  for (auto& [key, active] : before) {
    if (active.loop != nullptr) active.loop->End();
  }
  std::string forced;
  const uint64_t limit = job_->config.target_limit;
  if (limit > 0 && active_.size() > limit) {
    context_->counters->pool_exceeded_target_limit.Add();
    forced = fmt::format("target_limit exceeded (number of targets: {}, limit: {})",
                         active_.size(), limit);
  }
  for (auto& [key, active] : active_) active.loop->SetForcedError(forced);
  for (const auto& loop : fresh) loop->Start();
}

bool ScrapePool::Scrapes(const std::string& identity) const {
  absl::MutexLock lock(&mu_);
  return !ended_ && std::any_of(active_.begin(), active_.end(), [&](const auto& entry) {
    return entry.second.target->identity() == identity;
  });
}

void ScrapePool::End() {
  absl::MutexLock lock(&mu_);
  ended_ = true;
  for (auto& [key, active] : active_) active.loop->End();
  active_.clear();
}

void ScrapePool::Abort() {
  absl::MutexLock lock(&mu_);
  ended_ = true;
  for (auto& [key, active] : active_) active.loop->Abort();
  active_.clear();
}

ScrapePool::Listing ScrapePool::List() const {
  Listing listing;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [key, active] : active_) listing.active.push_back(active.target);
    listing.dropped = dropped_;
    listing.dropped_count = dropped_count_;
  }
  std::sort(listing.active.begin(), listing.active.end(), [](const auto& a, const auto& b) {
    return std::pair(std::string_view(a->url()), a->labels().view()) <
           std::pair(std::string_view(b->url()), b->labels().view());
  });
  return listing;
}

std::vector<ScrapePool::TargetFamily> ScrapePool::Metadata() const {
  std::vector<Active> list;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [key, active] : active_) list.push_back(active);
  }
  std::vector<TargetFamily> families;
  for (const Active& active : list) {
    for (auto& [family, metadata] : active.loop->Metadata()) {
      families.push_back({active.target->labels(), std::move(family), std::move(metadata)});
    }
  }
  return families;
}

std::shared_ptr<const ScrapeJob> ScrapePool::job() const {
  absl::MutexLock lock(&mu_);
  return job_;
}

PoolStats ScrapePool::Stats() const {
  PoolStats stats;
  {
    absl::MutexLock lock(&mu_);
    stats.targets = active_.size();
    stats.target_limit = job_->config.target_limit;
    stats.syncs = syncs_;
    stats.sync_failed = sync_failed_;
    for (const auto& [key, active] : active_) {
      active.loop->Measure(&stats.metadata_entries, &stats.metadata_bytes, &stats.cached_series);
    }
  }
  stats.sync_length = sync_length_.Snapshot();
  return stats;
}

}  // namespace server
