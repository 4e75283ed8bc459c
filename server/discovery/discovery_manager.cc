#include "server/discovery/discovery_manager.h"

#include <optional>
#include <utility>

#include "server/discovery/file_discovery.h"
#include "server/discovery/static_discovery.h"
#include "storage/base/log.h"

namespace server {
namespace {

bool Same(const FileSdConfig& a, const FileSdConfig& b) {
  return a.files == b.files && a.refresh_interval_ms == b.refresh_interval_ms;
}

}  // namespace

struct DiscoveryManager::Job {
  std::string name;
  std::unique_ptr<StaticDiscovery> fixed;
  std::vector<std::unique_ptr<FileDiscovery>> files;
  bool news = false;  // Found, and not told yet.
  std::optional<int64_t> last_told_ms;
  uint64_t targets = 0;
};

DiscoveryManager::DiscoveryManager(Sink sink, DiscoveryOptions options)
    : sink_(std::move(sink)), options_(options) {}

DiscoveryManager::~DiscoveryManager() { Stop(); }

bool DiscoveryManager::Poll(Job* job, int64_t now_ms, std::vector<TargetGroup>* groups) {
  bool news = job->fixed->Poll(now_ms);
  for (const auto& file : job->files) news |= file->Poll(now_ms);
  if (news) ++stats_.received_updates;
  job->news |= news;
  const bool wait = job->last_told_ms && now_ms - *job->last_told_ms < options_.update_interval_ms;
  if (!job->news || wait) return false;
  *groups = job->fixed->groups();
  for (const auto& file : job->files) {
    groups->insert(groups->end(), file->groups().begin(), file->groups().end());
  }
  job->targets = 0;
  for (const TargetGroup& group : *groups) job->targets += group.targets.size();
  job->news = false;
  job->last_told_ms = now_ms;
  ++stats_.updates;
  stats_.last_update_s = static_cast<double>(now_ms) / 1000;
  return true;
}

void DiscoveryManager::Apply(const std::vector<ScrapeConfig>& configs) {
  absl::MutexLock in_order(&sink_mu_);
  const int64_t now_ms = options_.clock->NowMs();
  std::vector<std::pair<std::string, std::vector<TargetGroup>>> told;
  {
    absl::MutexLock lock(&mu_);
    std::map<std::string, std::unique_ptr<Job>> before = std::exchange(jobs_, {});
    for (const ScrapeConfig& config : configs) {
      auto job = std::make_unique<Job>();
      job->name = config.job_name;
      job->fixed = std::make_unique<StaticDiscovery>(config.static_configs);
      const auto old = before.find(config.job_name);
      for (const FileSdConfig& file : config.file_sd_configs) {
        std::unique_ptr<FileDiscovery> kept;
        for (auto& candidate : old == before.end() ? job->files : old->second->files) {
          if (!kept && candidate && Same(candidate->config(), file)) kept = std::move(candidate);
        }
        job->files.push_back(kept ? std::move(kept) : std::make_unique<FileDiscovery>(file));
      }
      std::vector<TargetGroup> groups;
      if (Poll(job.get(), now_ms, &groups)) told.emplace_back(job->name, std::move(groups));
      jobs_[job->name] = std::move(job);
    }
  }
  for (auto& [job, groups] : told) sink_(job, std::move(groups));
}

void DiscoveryManager::PollOnce() {
  absl::MutexLock in_order(&sink_mu_);
  const int64_t now_ms = options_.clock->NowMs();
  std::vector<std::pair<std::string, std::vector<TargetGroup>>> told;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [name, job] : jobs_) {
      std::vector<TargetGroup> groups;
      if (Poll(job.get(), now_ms, &groups)) told.emplace_back(name, std::move(groups));
    }
  }
  for (auto& [job, groups] : told) sink_(job, std::move(groups));
}

void DiscoveryManager::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void DiscoveryManager::Loop() {
  while (true) {
    {
      absl::MutexLock lock(&mu_);
      if (!stopping_) wake_.WaitWithTimeout(&mu_, absl::Milliseconds(options_.poll_interval_ms));
      if (stopping_) return;
    }
    try {
      PollOnce();
    } catch (const std::exception& e) {
      base::Log(base::LogLevel::kError, "discovery", "Looking for targets failed",
                {{"err", e.what()}});
    }
  }
}

void DiscoveryManager::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    wake_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

DiscoveryStats DiscoveryManager::Stats() const {
  absl::MutexLock lock(&mu_);
  DiscoveryStats out = stats_;
  for (const auto& [name, job] : jobs_) {
    out.targets[name] = job->targets;
    for (const auto& file : job->files) {
      out.file_read_errors += file->stats().read_errors;
      for (const auto& [path, mtime] : file->stats().mtime_s) out.file_mtime_s[path] = mtime;
    }
  }
  return out;
}

}  // namespace server
