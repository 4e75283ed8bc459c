#include "server/providers.h"

#include <unistd.h>

#include <filesystem>
#include <thread>

#include "api/json_writer.h"
#include "api/time_text.h"
#include "server/process_info.h"
#include "storage/base/clock.h"
#include "storage/base/status.h"

namespace server {
namespace {

std::string Json(std::string_view text) {
  std::string out;
  api::JsonWriter(&out).String(text);
  return out;
}

std::string Rfc3339(int64_t ms) {
  return api::FormatRfc3339Nano(ms / 1000, static_cast<int>(ms % 1000) * 1'000'000);
}

std::string Hostname() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

}  // namespace

ServerStatus::ServerStatus(StatusSources sources)
    : sources_(std::move(sources)),
      start_ms_(base::SystemClock::Get()->NowMs()),
      phase_since_ms_(start_ms_) {}

void ServerStatus::set_phase(Phase phase) {
  phase_since_ms_ = base::SystemClock::Get()->NowMs();
  phase_ = phase;
}

std::string ServerStatus::ConfigYaml() { return sources_.reloader->config()->yaml; }
std::map<std::string, std::string> ServerStatus::Flags() { return sources_.flags->All(); }
std::string ServerStatus::MetricsText() { return sources_.metrics(); }

model::Labels ServerStatus::ExternalLabels() {
  return sources_.reloader->config()->global.external_labels;
}

// The version is the one this server stands in for: Grafana decides by it what it may ask. No
// `features` key here: a non-empty one makes Grafana take the server for another product.
std::vector<std::pair<std::string, std::string>> ServerStatus::BuildInfo() {
  return {{"version", std::string(kCompatibleVersion)},
          {"revision", fmt::format("tidemark-{}", kVersion)},
          {"branch", "tidemark"},
          {"buildUser", ""},
          {"buildDate", ""},
          {"goVersion", "none"}};
}

std::vector<std::pair<std::string, std::string>> ServerStatus::RuntimeInfo() {
  const ReloadStatus reload = sources_.reloader->status();
  std::error_code error;
  const auto number = [](uint64_t n) { return std::to_string(n); };
  return {{"startTime", Json(Rfc3339(start_ms_))},
          {"CWD", Json(std::filesystem::current_path(error).string())},
          {"hostname", Json(Hostname())},
          {"serverTime", Json(Rfc3339(base::SystemClock::Get()->NowMs()))},
          {"reloadConfigSuccess", reload.successful ? "true" : "false"},
          {"lastConfigTime", Json(Rfc3339(static_cast<int64_t>(reload.success_time_s) * 1000))},
          {"corruptionCount", number(sources_.wal_corruptions())},
          {"goroutineCount", number(ReadProcessInfo().threads)},
          {"GOMAXPROCS", number(std::thread::hardware_concurrency())},
          {"GOMEMLIMIT", "0"},
          {"GOGC", Json("")},
          {"GODEBUG", Json("")},
          {"storageRetention", Json(sources_.retention())}};
}

absl::Status ServerStatus::Reload() {
  if (!Ready()) return base::Unavailable("the server is not ready");
  return sources_.reloader->Reload();
}

void ServerStatus::Quit() { sources_.quit(); }

bool ServerStatus::LifecycleEnabled() { return sources_.flags->Bool("web.enable-lifecycle"); }
bool ServerStatus::AdminEnabled() { return sources_.flags->Bool("web.enable-admin-api"); }
bool ServerStatus::RemoteWriteEnabled() {
  return sources_.flags->Bool("web.enable-remote-write-receiver");
}

std::map<std::string, std::map<std::string, bool>> ServerStatus::Features() {
  return {{"prometheus",
           {{"agent_mode", false},
            {"auto_reload_config", sources_.flags->Bool("config.auto-reload") ||
                                       sources_.flags->HasFeature("auto-reload-config")},
            {"extra_scrape_metrics", true}}},
          {"service_discovery_providers", {{"static", true}, {"file", true}}},
          {"scrape",
           {{"extra_scrape_metrics", true},
            {"metric_relabeling", true},
            {"start_timestamp_zero_ingestion",
             sources_.flags->HasFeature("created-timestamp-zero-ingestion")},
            {"type_and_unit_labels", sources_.flags->HasFeature("type-and-unit-labels")}}},
          {"tsdb",
           {{"exemplar_storage", sources_.flags->HasFeature("exemplar-storage")},
            {"metadata_wal_records", true},
            {"st_storage", sources_.flags->HasFeature("st-storage")}}}};
}

std::vector<api::Notification> ServerStatus::Notifications() {
  std::vector<api::Notification> out;
  const int64_t since_ms = phase_since_ms_;
  if (phase() == Phase::kStarting) {
    out.push_back({.text = "Prometheus is starting and replaying the write-ahead log (WAL).",
                   .since_ms = since_ms});
  }
  if (phase() == Phase::kStopping) {
    out.push_back({.text = "Prometheus is shutting down and gracefully stopping all operations.",
                   .since_ms = since_ms});
  }
  if (!sources_.reloader->status().successful) {
    int64_t none = 0;
    reload_failed_ms_.compare_exchange_strong(none, base::SystemClock::Get()->NowMs());
    out.push_back({.text = "Configuration reload has failed.", .since_ms = reload_failed_ms_});
  } else {
    reload_failed_ms_ = 0;
  }
  return out;
}

}  // namespace server
