// Every room's numbers under Prometheus' names (spec 9), and ours under tidemark_*: the body of
// /metrics. Only this file knows what anything is called.
#pragma once

#include <string>

#include "api/http_server.h"
#include "api/routes.h"
#include "compaction/scheduler.h"
#include "promql/engine.h"
#include "server/discovery/discovery_manager.h"
#include "server/query_log.h"
#include "server/scrape/scrape_stats.h"
#include "storage/database.h"

namespace server {

struct ReloadStatus {
  bool successful = true;
  double success_time_s = 0;  // Unix time; 0: never.
};

// A reading of everything. What is null does not exist yet and is left out.
struct MetricSources {
  storage::Database* database = nullptr;
  const promql::Engine* engine = nullptr;
  const QueryLog* query_log = nullptr;
  const compaction::Scheduler* scheduler = nullptr;
  const api::HttpServer* http = nullptr;
  const api::ApiStats* api = nullptr;
  const ScrapeStats* scrapes = nullptr;
  const DiscoveryStats* discovery = nullptr;
  api::ResourceState resources;
  ReloadStatus reload;
  bool ready = false;
};

std::string WriteSelfMetrics(const MetricSources& sources);

}  // namespace server
