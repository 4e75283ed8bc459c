// Keeps the targets of all jobs up to date: one thread asks every discoverer for news and hands all
// groups of a job on when some have changed.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/config/config.h"
#include "server/discovery/target_group.h"
#include "storage/base/clock.h"

namespace server {

class FileDiscovery;

struct DiscoveryStats {                        // What self_metrics shows as prometheus_sd_*.
  std::map<std::string, uint64_t> targets;     // By job.
  std::map<std::string, double> file_mtime_s;  // By file.
  uint64_t received_updates = 0, updates = 0, file_read_errors = 0;
  double last_update_s = 0;  // Unix time.
};

struct DiscoveryOptions {
  int64_t poll_interval_ms = 1000;
  // News of a job goes out at most this often (--scrape.discovery-reload-interval); the first at
  // once.
  int64_t update_interval_ms = 5000;
  base::Clock* clock = base::SystemClock::Get();
};

// Thread-safe. `sink` is called without a lock held, for one job at a time, from Apply and from the
// thread.
class DiscoveryManager {
 public:
  using Sink = std::function<void(const std::string& job, std::vector<TargetGroup> groups)>;
  explicit DiscoveryManager(Sink sink, DiscoveryOptions options = {});
  ~DiscoveryManager();

  // Replaces the jobs and tells the sink the targets of each before it returns. Discoverers whose
  // configuration stays keep what they know.
  void Apply(const std::vector<ScrapeConfig>& jobs);
  void Start();
  void Stop();      // Idempotent.
  void PollOnce();  // What the thread does; for tests.
  DiscoveryStats Stats() const;

 private:
  struct Job;
  void Loop();
  // Asks `job`; its groups when they are to go out now.
  bool Poll(Job* job, int64_t now_ms, std::vector<TargetGroup>* groups)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Sink sink_;
  const DiscoveryOptions options_;
  absl::Mutex sink_mu_;  // Held from looking to telling, so that news arrives in order; before mu_.
  mutable absl::Mutex mu_;
  absl::CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::map<std::string, std::unique_ptr<Job>> jobs_ ABSL_GUARDED_BY(mu_);
  DiscoveryStats stats_ ABSL_GUARDED_BY(mu_);  // All but what the jobs hold.
  std::thread thread_;
};

}  // namespace server
