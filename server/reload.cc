#include "server/reload.h"

#include <glob.h>

#include <set>
#include <utility>

#include "server/config/load.h"
#include "storage/base/clock.h"
#include "storage/base/hash.h"
#include "storage/base/log.h"
#include "storage/base/status.h"

namespace server {
namespace {

// Over the bytes of every file that has a say, and over which files there are.
uint64_t Checksum(const Config& config) {
  std::set<std::string> files(config.files.begin(), config.files.end());
  for (const auto* patterns : {&config.rule_files, &config.scrape_config_files}) {
    for (const std::string& pattern : *patterns) {
      glob_t found{};
      if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; ++i) files.emplace(found.gl_pathv[i]);
      }
      globfree(&found);
    }
  }
  uint64_t sum = 0;
  for (const std::string& file : files) {
    const absl::StatusOr<std::string> text = ReadFile(file);
    sum = base::Hash64(file, sum) ^ base::Hash64(text.ok() ? *text : "", sum + 1);
  }
  return sum;
}

void WarnOfIdleParts(const Config& config) {
  for (const std::string& part : config.without_effect) {
    base::Log(base::LogLevel::kWarn, "config", "This part of the configuration has no effect yet",
              {{"part", part}});
  }
}

}  // namespace

Reloader::Reloader(std::string path, Apply apply)
    : path_(std::move(path)), apply_(std::move(apply)) {}

Reloader::~Reloader() { StopWatching(); }

absl::Status Reloader::Finish(const absl::Status& status) {
  absl::MutexLock lock(&mu_);
  status_.successful = status.ok();
  if (status.ok()) {
    status_.success_time_s = static_cast<double>(base::SystemClock::Get()->NowMs()) / 1000;
  }
  return status;
}

absl::Status Reloader::LoadFirst() {
  ASSIGN_OR_RETURN(Config config, LoadConfigFile(path_));
  absl::MutexLock lock(&mu_);
  config_ = std::make_shared<const Config>(std::move(config));
  return absl::OkStatus();
}

absl::Status Reloader::ApplyFirst() {
  absl::MutexLock one_at_a_time(&reload_mu_);
  const std::shared_ptr<const Config> config = this->config();
  WarnOfIdleParts(*config);
  return Finish(apply_(*config));
}

absl::Status Reloader::Reload() {
  absl::MutexLock one_at_a_time(&reload_mu_);
  base::Log(base::LogLevel::kInfo, "server", "Loading configuration file", {{"filename", path_}});
  const int64_t start_ms = base::SystemClock::Get()->NowMs();
  absl::StatusOr<Config> loaded = LoadConfigFile(path_);
  absl::Status status = loaded.status();
  if (status.ok()) status = apply_(*loaded);
  if (!status.ok()) {
    base::Log(base::LogLevel::kError, "server", "Error reloading config; the running one stays",
              {{"filename", path_}, {"err", std::string(base::message(status))}});
    return Finish(base::Annotate(
        status, fmt::format("couldn't load configuration (--config.file=\"{}\")", path_)));
  }
  WarnOfIdleParts(*loaded);
  {
    absl::MutexLock lock(&mu_);
    config_ = std::make_shared<const Config>(*std::move(loaded));
  }
  base::Log(base::LogLevel::kInfo, "server", "Completed loading of configuration file",
            {{"filename", path_},
             {"totalDuration", fmt::format("{}ms", base::SystemClock::Get()->NowMs() - start_ms)}});
  return Finish(absl::OkStatus());
}

void Reloader::Watch(int64_t interval_ms) {
  thread_ = std::thread([this, interval_ms] { Loop(interval_ms); });
}

void Reloader::Loop(int64_t interval_ms) {
  uint64_t seen = Checksum(*config());
  while (true) {
    {
      absl::MutexLock lock(&mu_);
      if (!stopping_) wake_.WaitWithTimeout(&mu_, absl::Milliseconds(interval_ms));
      if (stopping_) return;
    }
    const uint64_t now = Checksum(*config());
    if (now == std::exchange(seen, now)) continue;
    base::Log(base::LogLevel::kInfo, "server",
              "Configuration file change detected, reloading the configuration.");
    if (Reload().ok()) seen = Checksum(*config());  // It may name other files now.
  }
}

void Reloader::StopWatching() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    wake_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

std::shared_ptr<const Config> Reloader::config() const {
  absl::MutexLock lock(&mu_);
  return config_;
}

ReloadStatus Reloader::status() const {
  absl::MutexLock lock(&mu_);
  return status_;
}

}  // namespace server
