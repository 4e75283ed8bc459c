// What scraping counts. server/self_metrics alone knows what these are called (spec 9).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "storage/base/stats.h"

namespace server {

// A summary's answer: how many, how long in all, and the quantiles of the last ten minutes or so.
struct SummarySnapshot {
  uint64_t count = 0;
  double sum_s = 0;
  std::vector<std::pair<double, double>> quantiles;  // (0.5, seconds) ...; empty: none seen.
};

// Counted by all pools together. Thread-safe.
struct ScrapeCounters {
  base::Counter scrapes, scrapes_failed, samples_scraped, samples_appended;
  base::Counter pools_created, pools_failed;          // prometheus_target_scrape_pools_{,failed_}total
  base::Counter pool_reloads, pool_reloads_failed;
  base::Counter pool_exceeded_target_limit, pool_exceeded_label_limits;
  base::Counter exceeded_sample_limit, exceeded_body_size_limit;
  base::Counter sample_duplicate, sample_out_of_order, sample_out_of_bounds;
  base::Counter sample_limited;                       // New series the store refused for its budget.
  base::Counter exemplar_out_of_order;
  base::Counter cache_flush_forced;
  base::Counter commits_failed;
  base::Counter stale_markers;
};

// One pool's figures, by job.
struct PoolStats {
  uint64_t targets = 0, target_limit = 0;             // prometheus_target_scrape_pool_targets
  uint64_t syncs = 0, sync_failed = 0;                // prometheus_target_sync_failed_total
  uint64_t metadata_entries = 0, metadata_bytes = 0;  // prometheus_target_metadata_cache_*
  uint64_t cached_series = 0;
  SummarySnapshot sync_length;                        // prometheus_target_sync_length_seconds
};

// A reading of everything, as ScrapeManager::Stats gives it.
struct ScrapeStats {
  const ScrapeCounters* counters = nullptr;           // Lives as long as the manager.
  std::map<std::string, PoolStats> pools;             // By job.
  // prometheus_target_interval_length_seconds, by interval as text ("15s").
  std::map<std::string, SummarySnapshot> interval_length;
  std::map<std::string, SummarySnapshot> reload_length;  // prometheus_target_reload_length_seconds
};

}  // namespace server
