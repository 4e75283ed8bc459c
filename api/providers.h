// What api needs to know from above. server implements these (server/providers.*); all thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include "storage/database.h"
#include "storage/disk_space.h"
#include "storage/memory_budget.h"
#include "storage/model/labels.h"
#include "storage/model/matcher.h"
#include "storage/model/metadata.h"

namespace api {

struct TargetInfo {
  model::Labels discovered_labels, labels;
  std::string scrape_pool, scrape_url, global_url, last_error;
  int64_t last_scrape_ns = 0;        // Unix time in nanoseconds; 0: never.
  double last_scrape_duration_s = 0;
  std::string health;                // up, down, unknown
  std::string scrape_interval, scrape_timeout;  // "15s"
};
struct DroppedTarget {
  model::Labels discovered_labels;
  std::string scrape_pool;
};
struct TargetMetadata {
  model::Labels target;              // Its labels.
  std::string metric;
  model::Metadata metadata;
};

class TargetProvider {
 public:
  virtual ~TargetProvider() = default;
  virtual std::vector<TargetInfo> ActiveTargets() = 0;              // By pool.
  virtual std::vector<DroppedTarget> DroppedTargets() = 0;
  virtual std::map<std::string, int> DroppedTargetCounts() = 0;
  virtual std::vector<std::string> ScrapePools() = 0;               // Sorted.
  virtual absl::StatusOr<std::string> ScrapePoolConfig(std::string_view pool) = 0;  // YAML
  virtual std::vector<TargetMetadata> Metadata() = 0;               // Of all active targets.
};

struct Notification {                // /api/v1/notifications
  std::string text;
  int64_t since_ms = 0;
  bool active = true;
};

struct ResourceState {               // As last looked at.
  storage::MemorySplit split;
  storage::MemoryUse use;
  storage::Shed stage = storage::Shed::kNothing;
  int64_t query_bytes = 0;           // What queries hold just now.
  uint64_t queries_refused = 0;      // For want of memory.
  storage::DiskSpace disk;
  storage::DiskState disk_state = storage::DiskState::kRoomy;
  int64_t min_free_bytes = 0, reserve_bytes = 0;
  bool growth_known = false;         // After ten minutes.
  double growth_bytes_per_day = 0;   // Of log and blocks, over up to six hours.
  int64_t retention_ms = 0, retention_bytes = 0;  // 0: no limit.
  std::vector<int64_t> policies_ms;  // How long series under each retention policy are kept instead.
};

class StatusProvider {
 public:
  virtual ~StatusProvider() = default;
  virtual std::string ConfigYaml() = 0;
  virtual std::map<std::string, std::string> Flags() = 0;
  virtual std::vector<std::pair<std::string, std::string>> BuildInfo() = 0;  // In order of printing.
  // Key and ready JSON value, in order: startTime, CWD, hostname, ...
  virtual std::vector<std::pair<std::string, std::string>> RuntimeInfo() = 0;
  virtual std::string MetricsText() = 0;                            // Body of /metrics, text 0.0.4.
  virtual model::Labels ExternalLabels() = 0;
  // kOk when queries may be answered; kUnavailable while starting or stopping.
  virtual bool Ready() = 0;
  virtual bool Stopping() = 0;
  virtual absl::Status Reload() = 0;                                // POST /-/reload; blocks.
  virtual void Quit() = 0;                                          // POST /-/quit
  virtual bool LifecycleEnabled() = 0;
  virtual bool AdminEnabled() = 0;
  virtual bool RemoteWriteEnabled() = 0;
  // For /api/v1/features: category -> feature -> on. What is named here wins over api's own list
  // (which covers api, promql, promql_functions, promql_operators).
  virtual std::map<std::string, std::map<std::string, bool>> Features() { return {}; }
  virtual std::vector<Notification> Notifications() { return {}; }
  virtual ResourceState Resources() { return {}; }
};

// What api asks of the store besides Queryable and Appendable. StorageSlot (storage_slot.h)
// implements it over a Database that may come later.
class StorageProvider {
 public:
  virtual ~StorageProvider() = default;
  virtual absl::StatusOr<std::vector<storage::ExemplarSeries>> Exemplars(
      std::span<const std::vector<model::Matcher>> matchers, model::TimeRange range) = 0;
  virtual absl::StatusOr<storage::HeadInfo> Head() = 0;
  virtual absl::StatusOr<storage::Cardinality> TopCardinality(size_t limit) = 0;
  virtual absl::StatusOr<std::vector<storage::BlockMeta>> BlockMetas() = 0;
  virtual storage::ReplayProgress Replay() = 0;  // Answers at any time.
  virtual absl::Status Delete(std::span<const std::vector<model::Matcher>> sets,
                              model::TimeRange range) = 0;
  // Rewrites the blocks of which something is deleted; blocks until that is done.
  virtual absl::Status CleanTombstones() = 0;
  // Makes <data directory>/snapshots/<name>, a data directory of its own.
  virtual absl::Status Snapshot(std::string_view name, bool skip_head) = 0;
  // The database itself, for what only reports; null while there is none.
  virtual storage::Database* database() const { return nullptr; }
};

}  // namespace api
