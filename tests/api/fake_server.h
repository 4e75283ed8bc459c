// Stand-ins for the server below and above api, and a Router with all routes over them.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/params.h"
#include "api/router.h"
#include "api/routes.h"
#include "storage/base/status.h"
#include "tests/testing/memory_appendable.h"
#include "promql/testing/memory_queryable.h"

namespace api {

class FakeClock : public base::Clock {
 public:
  int64_t NowMs() const override { return now_ms; }
  std::atomic<int64_t> now_ms{1'700'000'000'000};
};

class FakeTargets : public TargetProvider {
 public:
  std::vector<TargetInfo> ActiveTargets() override { return active; }
  std::vector<DroppedTarget> DroppedTargets() override { return dropped; }
  std::map<std::string, int> DroppedTargetCounts() override { return dropped_counts; }
  std::vector<std::string> ScrapePools() override { return pools; }
  absl::StatusOr<std::string> ScrapePoolConfig(std::string_view pool) override {
    if (pool == "node") return "job_name: node\n";
    return base::NotFound("unknown scrape pool \"{}\"", pool);
  }
  std::vector<TargetMetadata> Metadata() override { return metadata; }

  std::vector<TargetInfo> active;
  std::vector<DroppedTarget> dropped;
  std::map<std::string, int> dropped_counts;
  std::vector<std::string> pools;
  std::vector<TargetMetadata> metadata;
};

class FakeStatus : public StatusProvider {
 public:
  std::string ConfigYaml() override { return "global:\n  scrape_interval: 15s\n"; }
  std::map<std::string, std::string> Flags() override { return {{"b", "2"}, {"a", "1"}}; }
  std::vector<std::pair<std::string, std::string>> BuildInfo() override {
    return {{"version", "3.14.0"}, {"revision", "r"}, {"branch", "b"},
            {"buildUser", "u"},    {"buildDate", "d"}, {"goVersion", "g"}};
  }
  std::vector<std::pair<std::string, std::string>> RuntimeInfo() override {
    return {{"startTime", "\"2026-01-01T00:00:00Z\""}, {"goroutineCount", "7"}};
  }
  std::string MetricsText() override { return "up 1\n"; }
  model::Labels ExternalLabels() override { return external; }
  bool Ready() override { return ready; }
  bool Stopping() override { return stopping; }
  absl::Status Reload() override { return reload; }
  void Quit() override { ++quits; }
  bool LifecycleEnabled() override { return lifecycle; }
  bool AdminEnabled() override { return admin; }
  bool RemoteWriteEnabled() override { return remote_write; }
  ResourceState Resources() override { return resources; }

  std::atomic<bool> ready{true}, stopping{false};
  bool lifecycle = false, admin = false, remote_write = true;
  model::Labels external;
  ResourceState resources;
  absl::Status reload;
  int quits = 0;
};

class FakeStorage : public StorageProvider {
 public:
  absl::StatusOr<std::vector<storage::ExemplarSeries>> Exemplars(
      std::span<const std::vector<model::Matcher>> matchers, model::TimeRange range) override {
    asked_sets = matchers.size();
    asked_range = range;
    return exemplars;
  }
  absl::StatusOr<storage::HeadInfo> Head() override { return head; }
  absl::StatusOr<storage::Cardinality> TopCardinality(size_t limit) override {
    asked_limit = limit;
    return cardinality;
  }
  absl::StatusOr<std::vector<storage::BlockMeta>> BlockMetas() override { return blocks; }
  storage::ReplayProgress Replay() override { return replay; }
  absl::Status Delete(std::span<const std::vector<model::Matcher>> sets,
                      model::TimeRange range) override {
    deleted_sets.assign(sets.begin(), sets.end());
    deleted_range = range;
    return delete_status;
  }
  absl::Status CleanTombstones() override {
    ++cleanings;
    return clean_status;
  }
  absl::Status Snapshot(std::string_view name, bool skip_head) override {
    snapshots.emplace_back(name);
    skipped_head = skip_head;
    return snapshot_status;
  }

  std::vector<storage::ExemplarSeries> exemplars;
  storage::HeadInfo head;
  storage::Cardinality cardinality;
  std::vector<storage::BlockMeta> blocks;
  storage::ReplayProgress replay;
  std::vector<std::vector<model::Matcher>> deleted_sets;
  model::TimeRange deleted_range;
  absl::Status delete_status, clean_status, snapshot_status;
  int cleanings = 0;
  std::vector<std::string> snapshots;
  bool skipped_head = false;
  size_t asked_sets = 0, asked_limit = 0;
  model::TimeRange asked_range;
};

class FakeServer {
 public:
  explicit FakeServer(std::string prefix = "/") {
    dependencies = {.engine = &engine,
                    .queryable = &data,
                    .appendable = &written,
                    .storage = &storage,
                    .targets = &targets,
                    .status = &status,
                    .stats = &stats,
                    .clock = &clock,
                    .route_prefix = std::move(prefix)};
    RegisterRoutes(&router, dependencies);
  }

  Response Send(Method method, std::string_view target, std::string body = "", Pairs headers = {}) {
    Request request;
    request.method = method;
    request.body = std::move(body);
    request.headers = std::move(headers);
    if (const auto s = SetTarget(target, &request); !s.ok()) return TextResponse(400, "target");
    if (const auto s = AddFormParams(&request); !s.ok()) return TextResponse(400, "form");
    return router.Route(std::move(request), &pattern);
  }
  Response Get(std::string_view target, Pairs headers = {}) {
    return Send(Method::kGet, target, "", std::move(headers));
  }
  // The body of a GET.
  std::string Body(std::string_view target) { return Get(target).body; }
  Response PostForm(std::string_view target, std::string form) {
    return Send(Method::kPost, target, std::move(form),
                {{"content-type", "application/x-www-form-urlencoded"}});
  }

  promql::Engine engine{promql::Engine::Options{}};
  promql_test::MemoryQueryable data;
  testing_support::MemoryAppendable written;
  FakeTargets targets;
  FakeStatus status;
  FakeStorage storage;
  ApiStats stats;
  FakeClock clock;
  ApiDependencies dependencies;
  Router router;
  std::string pattern;  // Of the last Send.
};

inline std::string HeaderOf(const Response& response, std::string_view name) {
  std::string all;
  for (const auto& [key, value] : response.headers) {
    if (key == name) all += all.empty() ? value : ", " + value;
  }
  return all;
}

}  // namespace api
