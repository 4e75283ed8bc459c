// The process: builds all parts in order, waits, and stops them in reverse.
//
//   configuration -> listening (503 from here on) -> database (replay, on its own thread)
//   -> compaction -> scraping -> discovery -> ready
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "api/http_server.h"
#include "api/routes.h"
#include "api/storage_slot.h"
#include "compaction/scheduler.h"
#include "promql/engine.h"
#include "server/discovery/discovery_manager.h"
#include "server/events.h"
#include "server/external_url.h"
#include "server/flags.h"
#include "server/http_client.h"
#include "server/providers.h"
#include "server/query_trail.h"
#include "server/reload.h"
#include "server/resource_watch.h"
#include "server/scrape/scrape_manager.h"
#include "storage/database.h"

namespace server {

class App {
 public:
  // Before any other thread starts.
  explicit App(Flags flags);
  ~App();

  // Until a signal, /-/quit or a failure. The exit code: 0 clean, 1 a failure, 2 bad flags or
  // configuration at the start, 3 flags of agent mode.
  int Run();

 private:
  int CheckFlags();  // 0, or the exit code.
  absl::Status Listen();
  void OpenDatabase();      // On its own thread; posts kOpened.
  void ReplayLog();         // Likewise; posts kStop when it fails.
  absl::Status StartAll();  // Once the database is there.
  int Loop();
  void LoadResults();       // Of queries before the last stop, if they still hold; SaveResults.
  void SaveResults();
  void Stop();

  absl::Status ApplyConfig(const Config& config);
  compaction::RetentionOptions RetentionOf(const Config& config) const;
  std::string RetentionText() const;
  api::ResourceState Resources() const;
  std::string Metrics();

  const Flags flags_;
  Events events_;
  ExternalUrl external_url_;
  std::shared_ptr<const model::AnchoredRegex> cors_origin_;

  // In the order they are built; each may use those above it.
  Reloader reloader_;
  api::StorageSlot slot_;
  api::ApiStats api_stats_;
  QueryTrail queries_;
  std::unique_ptr<promql::Engine> engine_;
  ServerStatus status_;
  base::MemoryPool query_memory_;
  HttpClient http_client_;
  std::unique_ptr<ScrapeManager> scrapes_;
  std::unique_ptr<DiscoveryManager> discovery_;
  api::Router router_;
  std::unique_ptr<api::HttpServer> http_;
  std::thread opening_;
  absl::StatusOr<std::unique_ptr<storage::Database>> database_;
  std::unique_ptr<compaction::Scheduler> scheduler_;
  std::unique_ptr<ResourceWatch> watch_;
  std::atomic<const ResourceWatch*> running_watch_{nullptr};
  std::thread replaying_;
  std::atomic<bool> stop_replay_{false}, replay_failed_{false};
  std::atomic<const compaction::Scheduler*> running_scheduler_{nullptr};
};

}  // namespace server
