#include "server/scrape/scrape_manager.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include <absl/container/flat_hash_map.h>
#include <absl/synchronization/mutex.h>

#include "server/discovery/target_group.h"
#include "server/http_client.h"
#include "server/http_url.h"
#include "server/scrape/exposition.h"
#include "server/scrape/scrape_pool.h"
#include "server/scrape/summary.h"
#include "storage/base/hash.h"
#include "storage/base/log.h"
#include "storage/base/status.h"
#include "storage/model/duration_text.h"

namespace server {
namespace {

int WorkersFor(int asked) {
  if (asked > 0) return asked;
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 2, 4);
}

std::string HostName() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return name;
}

// The port of "0.0.0.0:9090" or ":9090".
std::string_view PortOf(std::string_view address) {
  const size_t colon = address.rfind(':');
  return colon == std::string_view::npos ? std::string_view() : address.substr(colon + 1);
}

// How a browser elsewhere would reach the target: localhost is this server's host.
std::string GlobalUrl(const std::string& url, const ScrapeManagerOptions& options) {
  const absl::StatusOr<HttpUrl> target = ParseHttpUrl(url);
  const absl::StatusOr<HttpUrl> external = ParseHttpUrl(options.external_url);
  if (!target.ok() || !external.ok()) return url;
  if (target->host != "127.0.0.1" && target->host != "localhost" && target->host != "::1") {
    return url;
  }
  HttpUrl global = *target;
  const bool has_port = !PortOf(target->authority).empty() && target->authority.back() != ']';
  const std::string_view port = has_port ? std::string_view(target->port) : std::string_view();
  if (port == PortOf(options.listen_address)) {
    global.scheme = external->scheme;
    global.authority = external->authority;
  } else {
    global.authority = port.empty() ? external->host : JoinHostPort(external->host, port);
  }
  return global.ToString();
}

}  // namespace

class ScrapeManager::Impl {
 public:
  Impl(HttpClient* http, storage::Appendable* storage, ScrapeManagerOptions options)
      : options_(std::move(options)), scheduler_(WorkersFor(options_.workers)) {
    if (options_.hostname.empty()) options_.hostname = HostName();
    context_->scheduler = &scheduler_;
    context_->http = http;
    context_->storage = storage;
    context_->counters = &counters_;
    context_->user_agent = options_.user_agent;
    context_->skip_offset = options_.skip_offset;
    context_->page = options_.page;
    context_->observe_interval = [this](std::string_view interval, double seconds) {
      SummaryOf(&interval_length_, interval)->Observe(seconds);
    };
  }

  absl::Status Apply(std::vector<ScrapeConfig> configs, const model::Labels& external_labels) {
    absl::MutexLock lock(&apply_mu_);
    if (stopped_) return base::FailedPrecondition("scraping has stopped");
    context_->offset_seed = base::Hash64(options_.hostname + external_labels.bytes());
    absl::Status first_error;
    std::map<std::string, std::shared_ptr<FailureLog>> logs;
    base::StringMap<std::shared_ptr<ScrapeJob>> jobs;
    base::StringSet failed;
    for (ScrapeConfig& config : configs) {
      const std::string name = config.job_name;
      absl::StatusOr<std::shared_ptr<ScrapeJob>> job = MakeJob(std::move(config), &logs);
      if (!job.ok()) {
        counters_.pools_failed.Add();
        base::Log(base::LogLevel::kError, "scrape", "Applying a scrape configuration failed",
                  {{"scrape_pool", name}, {"err", std::string(base::message(job.status()))}});
        if (first_error.ok()) first_error = base::Annotate(job.status(), "scrape pool " + Quoted(name));
        failed.insert(name);
        continue;
      }
      jobs[name] = *std::move(job);
    }
    EndPools(jobs, failed);
    for (auto& [name, job] : jobs) ApplyJob(name, std::move(job));
    return first_error;
  }

  void SetTargets(std::string_view job, std::vector<TargetGroup> groups) {
    absl::MutexLock lock(&apply_mu_);
    if (stopped_) return;
    std::vector<TargetGroup>& known = groups_[std::string(job)];
    known = std::move(groups);
    if (const std::shared_ptr<ScrapePool> pool = Find(job)) pool->Sync(known);
  }

  void Stop() {
    std::vector<std::shared_ptr<ScrapePool>> pools;
    {
      absl::MutexLock lock(&apply_mu_);
      stopped_ = true;
      pools = Pools();
    }
    for (const auto& pool : pools) pool->Abort();
    {
      absl::MutexLock lock(&context_->mu);
      context_->stopping = true;
      for (const auto& [id, fetch] : context_->fetches) {
        if (fetch != nullptr) fetch->Cancel();
      }
      context_->mu.Await(absl::Condition(
          +[](ScrapeContext* context) ABSL_NO_THREAD_SAFETY_ANALYSIS {
            return context->fetches.empty();
          },
          context_.get()));
    }
    scheduler_.Stop();
  }

  std::vector<std::shared_ptr<ScrapePool>> Pools() const {
    absl::MutexLock lock(&mu_);
    std::vector<std::shared_ptr<ScrapePool>> pools;
    for (const auto& [name, pool] : pools_) pools.push_back(pool);
    return pools;
  }

  std::shared_ptr<ScrapePool> Find(std::string_view name) const {
    absl::MutexLock lock(&mu_);
    const auto it = pools_.find(name);
    return it == pools_.end() ? nullptr : it->second;
  }

  ScrapeStats Stats() const {
    ScrapeStats stats;
    stats.counters = &counters_;
    for (const auto& pool : Pools()) stats.pools[pool->job()->config.job_name] = pool->Stats();
    absl::MutexLock lock(&summaries_mu_);
    for (const auto& [interval, summary] : interval_length_) {
      stats.interval_length[interval] = summary->Snapshot();
    }
    for (const auto& [interval, summary] : reload_length_) {
      stats.reload_length[interval] = summary->Snapshot();
    }
    return stats;
  }

  const ScrapeManagerOptions& options() const { return options_; }

 private:
  using Summaries = std::map<std::string, std::unique_ptr<Summary>, std::less<>>;

  static absl::StatusOr<std::shared_ptr<ScrapeJob>> MakeJob(
      ScrapeConfig config, std::map<std::string, std::shared_ptr<FailureLog>>* logs) {
    const std::string path = config.scrape_failure_log_file;
    ASSIGN_OR_RETURN(std::shared_ptr<ScrapeJob> job, MakeScrapeJob(std::move(config)));
    if (path.empty()) return job;
    std::shared_ptr<FailureLog>& log = (*logs)[path];
    if (log == nullptr) {
      ASSIGN_OR_RETURN(log, FailureLog::Open(path));
    }
    job->failure_log = log;
    return job;
  }

  // Jobs that are neither there nor failed are gone.
  void EndPools(const base::StringMap<std::shared_ptr<ScrapeJob>>& jobs,
                const base::StringSet& failed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(apply_mu_) {
    std::vector<std::shared_ptr<ScrapePool>> gone;
    {
      absl::MutexLock lock(&mu_);
      for (auto it = pools_.begin(); it != pools_.end();) {
        if (jobs.contains(it->first) || failed.contains(it->first)) {
          ++it;
          continue;
        }
        gone.push_back(std::move(it->second));
        pools_.erase(it++);
      }
    }
    for (const auto& pool : gone) {
      groups_.erase(pool->job()->config.job_name);
      pool->End();
    }
  }

  void ApplyJob(const std::string& name, std::shared_ptr<ScrapeJob> job)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(apply_mu_) {
    if (const std::shared_ptr<ScrapePool> pool = Find(name)) {
      const std::shared_ptr<const ScrapeJob> old = pool->job();
      // A failure log is opened anew on every reload; for that the loops take the new job, too.
      if (old->fingerprint == job->fingerprint && job->failure_log == nullptr) return;
      const bool changed = old->fingerprint != job->fingerprint;
      if (!changed) job->http = old->http;
      const auto start = std::chrono::steady_clock::now();
      const std::string interval = model::FormatDurationMs(job->config.scrape_interval_ms);
      pool->Apply(std::move(job));
      if (!changed) return;
      counters_.pool_reloads.Add();
      SummaryOf(&reload_length_, interval)
          ->Observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      return;
    }
    counters_.pools_created.Add();
    auto pool = std::make_shared<ScrapePool>(context_, std::move(job));
    {
      absl::MutexLock lock(&mu_);
      pools_[name] = pool;
    }
    const auto groups = groups_.find(name);
    if (groups != groups_.end()) pool->Sync(groups->second);
  }

  Summary* SummaryOf(Summaries* summaries, std::string_view interval) {
    absl::MutexLock lock(&summaries_mu_);
    auto it = summaries->find(interval);
    if (it == summaries->end()) {
      it = summaries->emplace(std::string(interval), std::make_unique<Summary>()).first;
    }
    return it->second.get();
  }

  ScrapeManagerOptions options_;  // Constant after construction.
  ScrapeCounters counters_;
  const std::shared_ptr<ScrapeContext> context_ = std::make_shared<ScrapeContext>();

  absl::Mutex apply_mu_;  // Apply, SetTargets and Stop, one at a time; taken before mu_.
  base::StringMap<std::vector<TargetGroup>> groups_ ABSL_GUARDED_BY(apply_mu_);
  bool stopped_ ABSL_GUARDED_BY(apply_mu_) = false;

  mutable absl::Mutex mu_;
  base::StringMap<std::shared_ptr<ScrapePool>> pools_ ABSL_GUARDED_BY(mu_);

  mutable absl::Mutex summaries_mu_;
  Summaries interval_length_ ABSL_GUARDED_BY(summaries_mu_);
  Summaries reload_length_ ABSL_GUARDED_BY(summaries_mu_);

  Scheduler scheduler_;  // Last: its threads use the above.
};

ScrapeManager::ScrapeManager(HttpClient* http, storage::Appendable* storage,
                             ScrapeManagerOptions options)
    : impl_(std::make_unique<Impl>(http, storage, std::move(options))) {}

ScrapeManager::~ScrapeManager() { Stop(); }

absl::Status ScrapeManager::Apply(std::vector<ScrapeConfig> jobs,
                                  const model::Labels& external_labels) {
  return impl_->Apply(std::move(jobs), external_labels);
}

void ScrapeManager::SetTargets(std::string_view job, std::vector<TargetGroup> groups) {
  impl_->SetTargets(job, std::move(groups));
}

void ScrapeManager::Stop() { impl_->Stop(); }

ScrapeStats ScrapeManager::Stats() const { return impl_->Stats(); }

namespace {

std::vector<std::shared_ptr<ScrapePool>> ByName(std::vector<std::shared_ptr<ScrapePool>> pools) {
  std::sort(pools.begin(), pools.end(), [](const auto& a, const auto& b) {
    return a->job()->config.job_name < b->job()->config.job_name;
  });
  return pools;
}

}  // namespace

std::vector<api::TargetInfo> ScrapeManager::ActiveTargets() {
  std::vector<api::TargetInfo> list;
  for (const auto& pool : ByName(impl_->Pools())) {
    const std::string name = pool->job()->config.job_name;
    for (const auto& target : pool->List().active) {
      Target::Status status = target->status();
      list.push_back({
          .discovered_labels = std::move(status.discovered),
          .labels = target->labels(),
          .scrape_pool = name,
          .scrape_url = target->url(),
          .global_url = GlobalUrl(target->url(), impl_->options()),
          .last_error = std::move(status.last_error),
          .last_scrape_ns = status.last_scrape_ns,
          .last_scrape_duration_s = status.last_duration_s,
          .health = std::string(ToString(status.health)),
          .scrape_interval = std::string(target->interval_text()),
          .scrape_timeout = std::string(target->timeout_text()),
      });
    }
  }
  return list;
}

std::vector<api::DroppedTarget> ScrapeManager::DroppedTargets() {
  std::vector<api::DroppedTarget> list;
  for (const auto& pool : ByName(impl_->Pools())) {
    const std::string name = pool->job()->config.job_name;
    for (model::Labels& labels : pool->List().dropped) list.push_back({std::move(labels), name});
  }
  return list;
}

std::map<std::string, int> ScrapeManager::DroppedTargetCounts() {
  std::map<std::string, int> counts;
  for (const auto& pool : impl_->Pools()) {
    counts[pool->job()->config.job_name] = static_cast<int>(pool->List().dropped_count);
  }
  return counts;
}

std::vector<std::string> ScrapeManager::ScrapePools() {
  std::vector<std::string> names;
  for (const auto& pool : ByName(impl_->Pools())) names.push_back(pool->job()->config.job_name);
  return names;
}

absl::StatusOr<std::string> ScrapeManager::ScrapePoolConfig(std::string_view name) {
  const std::shared_ptr<ScrapePool> pool = impl_->Find(name);
  if (pool == nullptr) return base::NotFound("scrape pool {} not found", Quoted(name));
  return pool->job()->config.yaml;
}

std::vector<api::TargetMetadata> ScrapeManager::Metadata() {
  std::vector<api::TargetMetadata> list;
  for (const auto& pool : ByName(impl_->Pools())) {
    for (ScrapePool::TargetFamily& family : pool->Metadata()) {
      list.push_back(
          {std::move(family.target), std::move(family.family), std::move(family.metadata)});
    }
  }
  return list;
}

}  // namespace server
