// One job: its targets and their loops.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "server/discovery/target_group.h"
#include "server/scrape/scrape_job.h"
#include "server/scrape/scrape_loop.h"
#include "server/scrape/scrape_stats.h"
#include "server/scrape/summary.h"
#include "server/scrape/target.h"
#include "storage/base/hash.h"

namespace server {

// Thread-safe.
class ScrapePool : public std::enable_shared_from_this<ScrapePool> {
 public:
  ScrapePool(std::shared_ptr<ScrapeContext> context, std::shared_ptr<const ScrapeJob> job);

  // Makes loops and targets agree with the groups (or the new configuration and the last groups).
  // A target that stays keeps its loop; one that only changed its interval or timeout does too.
  void Sync(std::vector<TargetGroup> groups);
  void Apply(std::shared_ptr<const ScrapeJob> job);
  void End();    // The job is gone: what it scraped is marked stale in a while.
  void Abort();  // The server stops.

  struct Listing {
    std::vector<std::shared_ptr<Target>> active;  // By URL.
    std::vector<model::Labels> dropped;           // Discovered labels, up to keep_dropped_targets.
    uint64_t dropped_count = 0;                   // Of all.
  };
  Listing List() const;
  // Target labels, family, metadata of every active target.
  struct TargetFamily {
    model::Labels target;
    std::string family;
    model::Metadata metadata;
  };
  std::vector<TargetFamily> Metadata() const;
  std::shared_ptr<const ScrapeJob> job() const;
  PoolStats Stats() const;

 private:
  struct Active {
    std::shared_ptr<Target> target;
    std::shared_ptr<ScrapeLoop> loop;
  };
  void SyncLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_mu_);
  void Match(BuiltTargets built) ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_mu_, mu_);
  bool Scrapes(const std::string& identity) const;

  const std::shared_ptr<ScrapeContext> context_;

  absl::Mutex sync_mu_;  // One change at a time; taken before mu_.
  std::vector<TargetGroup> groups_ ABSL_GUARDED_BY(sync_mu_);

  mutable absl::Mutex mu_;
  std::shared_ptr<const ScrapeJob> job_ ABSL_GUARDED_BY(mu_);
  base::StringMap<Active> active_ ABSL_GUARDED_BY(mu_);  // By Target::key.
  std::vector<model::Labels> dropped_ ABSL_GUARDED_BY(mu_);
  uint64_t dropped_count_ ABSL_GUARDED_BY(mu_) = 0;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t syncs_ ABSL_GUARDED_BY(mu_) = 0, sync_failed_ ABSL_GUARDED_BY(mu_) = 0;
  Summary sync_length_;  // Own synchronization.
};

}  // namespace server
