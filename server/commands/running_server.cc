#include "server/commands/running_server.h"

#include <filesystem>

#include "server/config/yaml.h"
#include "server/http_client.h"
#include "storage/base/status.h"

namespace server {
namespace {

constexpr int64_t kShortMs = 30'000;

}  // namespace

RunningServer::RunningServer(std::string url)
    : url_(url.ends_with('/') ? url.substr(0, url.size() - 1) : std::move(url)) {}

absl::StatusOr<std::string> RunningServer::Ask(std::string_view method, std::string_view path,
                                               std::string_view key, int64_t timeout_ms) {
  HttpClient client;
  ASSIGN_OR_RETURN(const auto settings, HttpSettings::Make(HttpClientConfig{}));
  const std::string url = fmt::format("{}{}", url_, path);
  ASSIGN_OR_RETURN(const HttpResponse response,
                   client.FetchAndWait(settings, {.method = std::string(method),
                                                  .url = url,
                                                  .timeout_ms = timeout_ms}));
  const absl::StatusOr<YamlNode> answer = ParseYaml(response.body, url, YamlSyntax::kJson);
  const YamlNode* error = answer.ok() ? answer->Find("error") : nullptr;
  if (response.status != 200) {
    return base::FailedPrecondition("{}: {}{}{}", url, response.StatusText(), error ? ": " : "",
                             error ? error->text : "");
  }
  RETURN_IF_ERROR(answer.status());
  const YamlNode* data = answer->Find("data");
  const YamlNode* value = data ? data->Find(key) : nullptr;
  if (value == nullptr || !value->is_scalar()) {
    return base::Unavailable("{}: the answer has no \"{}\"; is this a Tidemark server?", url, key);
  }
  return value->text;
}

absl::Status RunningServer::MakeSnapshot(const std::string& name) {
  const auto made = Ask("POST", fmt::format("/api/v1/admin/tsdb/snapshot?name={}", name), "name",
                        kSnapshotMs);
  if (!made.ok() && base::message(made.status()).ends_with("admin APIs disabled")) {
    return base::FailedPrecondition(
        "{}: start the server with --web.enable-admin-api, or stop it and give "
        "--storage.tsdb.path=DIR",
        base::message(made.status()));
  }
  RETURN_IF_ERROR(made.status());
  if (*made == name) return absl::OkStatus();
  return base::FailedPrecondition("{}: made a snapshot {}, not {}; is this a Tidemark server?",
                                  url_, *made, name);
}

absl::StatusOr<std::string> RunningServer::DataDir() {
  ASSIGN_OR_RETURN(const std::string path,
                   Ask("GET", "/api/v1/status/flags", "storage.tsdb.path", kShortMs));
  if (std::filesystem::path(path).is_absolute()) return path;
  ASSIGN_OR_RETURN(const std::string cwd, Ask("GET", "/api/v1/status/runtimeinfo", "CWD", kShortMs));
  return (std::filesystem::path(cwd) / path).lexically_normal().string();
}

}  // namespace server
