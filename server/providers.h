// Answers the API's questions about the process itself.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "api/providers.h"
#include "server/flags.h"
#include "server/reload.h"

namespace server {

enum class Phase : uint8_t { kStarting, kReady, kStopping };

// What the answers come from; each is callable at any time after construction, from any thread.
struct StatusSources {
  const Flags* flags = nullptr;
  Reloader* reloader = nullptr;
  std::function<std::string()> metrics;  // Body of /metrics.
  std::function<void()> quit;
  std::function<uint64_t()> wal_corruptions;
  std::function<std::string()> retention;  // "30d or 512MiB"
  std::function<api::ResourceState()> resources;
};

class ServerStatus final : public api::StatusProvider {  // Thread-safe.
 public:
  explicit ServerStatus(StatusSources sources);

  void set_phase(Phase phase);
  Phase phase() const { return phase_.load(); }

  std::string ConfigYaml() override;
  std::map<std::string, std::string> Flags() override;
  std::vector<std::pair<std::string, std::string>> BuildInfo() override;
  std::vector<std::pair<std::string, std::string>> RuntimeInfo() override;
  std::string MetricsText() override;
  model::Labels ExternalLabels() override;
  bool Ready() override { return phase() == Phase::kReady; }
  bool Stopping() override { return phase() == Phase::kStopping; }
  absl::Status Reload() override;
  void Quit() override;
  bool LifecycleEnabled() override;
  bool AdminEnabled() override;
  bool RemoteWriteEnabled() override;
  std::map<std::string, std::map<std::string, bool>> Features() override;
  std::vector<api::Notification> Notifications() override;
  api::ResourceState Resources() override { return sources_.resources(); }

 private:
  const StatusSources sources_;
  const int64_t start_ms_;
  std::atomic<Phase> phase_{Phase::kStarting};
  std::atomic<int64_t> phase_since_ms_, reload_failed_ms_{0};
};

}  // namespace server
