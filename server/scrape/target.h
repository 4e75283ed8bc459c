// One endpoint to scrape, made from what discovery found and the job's configuration. spec 6.1.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>

#include "server/config/config.h"
#include "server/discovery/target_group.h"
#include "storage/model/labels.h"

namespace server {

// What relabeling starts from: the target's labels, the group's, and the job's settings.
model::Labels DiscoveredLabels(const ScrapeConfig& job, const model::Labels& target,
                               const model::Labels& group);

// Relabels and checks. Empty labels: dropped. kInvalidArgument: the target cannot be scraped.
absl::StatusOr<model::Labels> PopulateLabels(const ScrapeConfig& job,
                                             const model::Labels& discovered);

// Thread-safe; immutable but for the outcome of the last scrape and the discovered labels.
class Target {
 public:
  enum class Health : uint8_t { kUnknown, kUp, kDown };
  struct Status {
    model::Labels discovered;
    Health health = Health::kUnknown;
    std::string last_error;
    int64_t last_scrape_ns = 0;  // Unix time; 0: never.
    double last_duration_s = 0;
  };

  // `labels` as PopulateLabels gave them.
  Target(const ScrapeConfig& job, model::Labels labels, model::Labels discovered);

  const model::Labels& labels() const { return public_labels_; }  // Without __*.
  const model::Labels& all_labels() const { return labels_; }
  const std::string& url() const { return url_; }
  std::string_view unix_socket() const { return labels_.Get("__unix_socket__"); }
  int64_t interval_ms() const { return interval_ms_; }
  int64_t timeout_ms() const { return timeout_ms_; }
  std::string_view interval_text() const { return labels_.Get("__scrape_interval__"); }
  std::string_view timeout_text() const { return labels_.Get("__scrape_timeout__"); }

  // Same labels (also __*) and URL: the same target.
  const std::string& key() const { return key_; }
  // The same but for interval and timeout.
  const std::string& identity() const { return identity_; }
  uint64_t hash() const { return hash_; }

  void SetDiscovered(model::Labels discovered);
  void Report(int64_t start_ns, double duration_s, std::string error);
  void TakeStatusFrom(const Target& other);  // Except the discovered labels.
  Status status() const;

 private:
  const model::Labels labels_;
  model::Labels public_labels_;
  std::string url_, key_, identity_;
  uint64_t hash_ = 0;
  int64_t interval_ms_ = 0, timeout_ms_ = 0;

  mutable absl::Mutex mu_;
  Status status_ ABSL_GUARDED_BY(mu_);
};

std::string_view ToString(Target::Health health);

// What one group became. `failures` name the target and the reason.
struct BuiltTargets {
  std::vector<std::shared_ptr<Target>> active;
  std::vector<model::Labels> dropped;  // Discovered labels.
  std::vector<std::string> failures;
};
void BuildTargets(const ScrapeConfig& job, const TargetGroup& group, BuiltTargets* out);

}  // namespace server
