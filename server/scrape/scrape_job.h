// A job's configuration made ready for its loops, and what all loops share.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>

#include "server/config/config.h"
#include "server/http_client.h"
#include "server/scrape/failure_log.h"
#include "server/scrape/page_appender.h"
#include "server/scrape/scheduler.h"
#include "server/scrape/scrape_stats.h"
#include "storage/appender.h"

namespace server {

// Immutable; shared by the loops of a job.
struct ScrapeJob {
  ScrapeConfig config;
  std::shared_ptr<HttpSettings> http;
  std::string accept;                       // The header; empty: nothing can be asked for.
  std::shared_ptr<FailureLog> failure_log;  // May be null.
  std::string fingerprint;                  // Of everything that was configured.
  std::string cache_fingerprint;            // Of what can alter a series or its labels.
};

// An error when certificates, keys or the proxy cannot be used.
absl::StatusOr<std::shared_ptr<ScrapeJob>> MakeScrapeJob(ScrapeConfig config);

// What all loops share.
struct ScrapeContext {
  Scheduler* scheduler = nullptr;
  HttpClient* http = nullptr;
  storage::Appendable* storage = nullptr;
  ScrapeCounters* counters = nullptr;
  std::function<void(std::string_view interval, double seconds)> observe_interval;
  std::string user_agent;
  std::atomic<uint64_t> offset_seed{0};
  bool skip_offset = false;
  PageOptions page;

  // Fetches under way, null before the client has given a handle. Stopping calls them off and waits
  // until there is none: only then may scheduler, client and storage go.
  absl::Mutex mu;
  absl::flat_hash_map<uint64_t, std::shared_ptr<HttpFetch>> fetches ABSL_GUARDED_BY(mu);
  uint64_t next_fetch ABSL_GUARDED_BY(mu) = 0;
  bool stopping ABSL_GUARDED_BY(mu) = false;
};

}  // namespace server
