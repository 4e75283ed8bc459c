// Scraping as one thing: built idle; Apply whenever the configuration changes, SetTargets whenever
// discovery has news; Stop once. It answers the API's questions about targets itself.
//
//   ScrapeManager scrapes(&http, database.get(), options);
//   scrapes.Apply(config.scrape_configs, config.global.external_labels);
//   discovery.Start([&](job, groups) { scrapes.SetTargets(job, std::move(groups)); });
//
// Threads: one that keeps the time, a few that parse and append, and the client's io thread, which
// fetches. No callback runs under a lock that Apply or SetTargets take.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

#include "api/providers.h"
#include "server/config/config.h"
#include "server/scrape/page_appender.h"
#include "server/scrape/scrape_stats.h"
#include "storage/appender.h"

namespace server {

class HttpClient;    // server/http_client.h
struct TargetGroup;  // server/discovery/target_group.h

struct ScrapeManagerOptions {
  int workers = 0;               // Threads that parse and append; 0: 2 to 4 by the cores.
  std::string user_agent = "Tidemark/0.1.0";
  // Spreads the moments of scraping; two servers of a pair should differ. Empty: the host's name.
  std::string hostname;
  // For global_url of /targets: where this server listens ("0.0.0.0:9090") and how it is known
  // outside ("http://prometheus.example:9090/").
  std::string listen_address, external_url;
  // Scrapes start at once instead of at their offset; for tests.
  bool skip_offset = false;
  PageOptions page;
};

// Thread-safe.
class ScrapeManager final : public api::TargetProvider {
 public:
  // `http` and `storage` must outlive it.
  ScrapeManager(HttpClient* http, storage::Appendable* storage, ScrapeManagerOptions options = {});
  ~ScrapeManager() override;  // As Stop.

  // Replaces the jobs. Jobs whose configuration has not changed keep their loops, caches and
  // timing; changed ones keep their targets, and their caches where the change cannot alter a
  // series. Failure log files are opened anew. An error names the job that could not be applied
  // (a certificate that cannot be read, no protocol offered); the other jobs are applied.
  absl::Status Apply(std::vector<ScrapeConfig> jobs, const model::Labels& external_labels = {});

  // All groups of one job, replacing what was set before. Loops of targets that stay are not
  // disturbed. Groups of a job not (yet) applied wait for it. Cheap calls, but each builds every
  // target of the job: the caller gathers news for a few seconds (spec 6.2).
  void SetTargets(std::string_view job, std::vector<TargetGroup> groups);

  // Calls off fetches, waits for what is being appended. Writes no stale markers: the server will
  // be back. Idempotent.
  void Stop();

  // api::TargetProvider.
  std::vector<api::TargetInfo> ActiveTargets() override;
  std::vector<api::DroppedTarget> DroppedTargets() override;
  std::map<std::string, int> DroppedTargetCounts() override;
  std::vector<std::string> ScrapePools() override;
  absl::StatusOr<std::string> ScrapePoolConfig(std::string_view pool) override;
  std::vector<api::TargetMetadata> Metadata() override;

  ScrapeStats Stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace server
