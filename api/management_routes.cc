// /-/healthy, /-/ready, /-/reload, /-/quit, /version, /metrics. spec 3.8.
#include "api/compress.h"
#include "api/route_groups.h"
#include "storage/base/status.h"

namespace api {
namespace {

Response Plain(int status, std::string text) {
  return {.status = status, .content_type = "text/plain; charset=utf-8", .body = std::move(text)};
}

Response Version(const ApiDependencies& d) {
  Response response;
  JsonWriter json(&response.body);
  json.BeginObject();
  for (const auto& [key, value] : d.status->BuildInfo()) {
    json.Key(key);
    json.String(value);
  }
  json.EndObject();
  return response;
}

Response Reload(const ApiDependencies& d) {
  if (!d.status->LifecycleEnabled()) return Plain(403, "Lifecycle API is not enabled.");
  const absl::Status status = d.status->Reload();
  if (status.ok()) return Plain(200, "");
  return TextResponse(500, fmt::format("failed to reload config: {}", base::message(status)));
}

Response Quit(const ApiDependencies& d) {
  if (!d.status->LifecycleEnabled()) return Plain(403, "Lifecycle API is not enabled.");
  d.status->Quit();
  return Plain(200, "Requesting termination... Goodbye!");
}

}  // namespace

void AddManagementRoutes(Router* router, const ApiDependencies& d) {
  const auto add = [&](Method method, std::string_view path, Handler handler) {
    router->Add(method, path, std::move(handler), Lane::kPrompt);
  };
  add(Method::kGet, "/-/healthy",
      [d](const Request&) { return Plain(200, fmt::format("{} is Healthy.\n", d.app_name)); });
  add(Method::kGet, "/-/ready", WhenReady(d, [d](const Request&) {
        return Plain(200, fmt::format("{} is Ready.\n", d.app_name));
      }));
  for (const Method method : {Method::kPost, Method::kPut}) {
    add(method, "/-/reload", [d](const Request&) { return Reload(d); });
    add(method, "/-/quit", [d](const Request&) { return Quit(d); });
  }
  for (const char* path : {"/-/reload", "/-/quit"}) {
    add(Method::kGet, path,
        [](const Request&) { return Plain(405, "Only POST or PUT requests allowed"); });
  }
  add(Method::kGet, "/version", [d](const Request&) { return Version(d); });
  add(Method::kGet, "/metrics", [d](const Request& request) {
    Response response{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                      .body = d.status->MetricsText()};
    CompressResponse(request, &response);
    return response;
  });
}

}  // namespace api
