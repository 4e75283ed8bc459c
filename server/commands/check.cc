#include "server/commands/check.h"

#include <cstdio>

#include "server/commands/check_rules.h"
#include "server/commands/usage.h"
#include "server/config/load.h"
#include "server/http_client.h"
#include "storage/base/log.h"
#include "storage/base/status.h"
#include "storage/copies/backup.h"

namespace server {
namespace {

constexpr char kUsage[] =
    "usage: tidemark check config FILE...\n"
    "       tidemark check rules [FILE...]\n"
    "       tidemark check backup BACKUP...\n"
    "       tidemark check healthy|ready [--url=http://localhost:9090]\n";

bool CheckConfig(const std::string& path) {
  const absl::StatusOr<Config> config = LoadConfigFile(path);
  if (!config.ok()) {
    std::fprintf(stderr, "Checking %s\n  FAILED:\n%s\n\n", path.c_str(),
                 std::string(base::message(config.status())).c_str());
    return false;
  }
  size_t targets = 0;
  bool good = true;
  for (const ScrapeConfig& job : config->scrape_configs) {
    for (const StaticConfig& fixed : job.static_configs) targets += fixed.targets.size();
    if (const auto settings = HttpSettings::Make(job.http); !settings.ok()) {
      std::fprintf(stderr, "  FAILED: job \"%s\": %s\n", job.job_name.c_str(),
                   std::string(base::message(settings.status())).c_str());
      good = false;
    }
  }
  std::printf("Checking %s\n  %s: %zu jobs, %zu static targets\n", path.c_str(),
              good ? "SUCCESS" : "FAILED", config->scrape_configs.size(), targets);
  for (const std::string& part : config->without_effect) {
    std::printf("  no effect yet: %s\n", part.c_str());
  }
  if (!config->rule_files.empty()) std::printf("\n");
  return CheckRuleFiles(config->rule_files) && good;
}

bool CheckBackup(const std::string& path) {
  const absl::StatusOr<storage::BackupReport> report = storage::VerifyBackup(path);
  if (!report.ok()) {
    std::fprintf(stderr, "Checking %s\n  FAILED: %s\n", path.c_str(),
                 std::string(base::message(report.status())).c_str());
    return false;
  }
  std::printf("Checking %s\n  SUCCESS: %llu files, %s, all as they were backed up\n", path.c_str(),
              static_cast<unsigned long long>(report->files), Megabytes(report->bytes).c_str());
  return true;
}

int Ask(const std::string& what, const std::string& url) {
  HttpClient client;
  const auto settings = HttpSettings::Make(HttpClientConfig{});
  if (!settings.ok()) return 1;
  const std::string base = url.ends_with('/') ? url.substr(0, url.size() - 1) : url;
  const absl::StatusOr<HttpResponse> response = client.FetchAndWait(
      *settings, {.url = fmt::format("{}/-/{}", base, what), .timeout_ms = 10'000});
  if (!response.ok()) {
    std::fprintf(stderr, "%s\n", std::string(base::message(response.status())).c_str());
    return 1;
  }
  std::printf("%s%s", response->body.c_str(), response->body.ends_with('\n') ? "" : "\n");
  return response->status == 200 ? 0 : 1;
}

}  // namespace

int RunCheck(std::span<const std::string> args) {
  base::SetLog(base::LogLevel::kError, base::LogFormat::kLogfmt);
  const std::string what = args.empty() ? "" : args[0];
  if (what == "config" && args.size() > 1) {
    bool good = true;
    for (const std::string& path : args.subspan(1)) good &= CheckConfig(path);
    return good ? 0 : 1;
  }
  if (what == "rules") return RunCheckRules(args.subspan(1));
  if (what == "backup" && args.size() > 1) {
    bool good = true;
    for (const std::string& path : args.subspan(1)) good &= CheckBackup(path);
    return good ? 0 : 1;
  }
  if (what == "healthy" || what == "ready") {
    if (args.size() == 1) return Ask(what, "http://localhost:9090");
    if (args.size() == 2 && args[1].starts_with("--url=")) return Ask(what, args[1].substr(6));
    if (args.size() == 3 && args[1] == "--url") return Ask(what, args[2]);
  }
  std::fputs(kUsage, stderr);
  return 2;
}

}  // namespace server
