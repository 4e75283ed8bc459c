#include "api/routes.h"

#include "api/compress.h"
#include "api/cors.h"
#include "api/route_groups.h"
#include "storage/base/status.h"
#include "storage/memory_budget.h"

namespace api {
namespace {

constexpr std::string_view kNotReady = "Service Unavailable";
constexpr int64_t kReleaseBytes = 8 << 20;  // Of freed memory that is worth the milliseconds.

void MarkNotReady(const ApiDependencies& d, Response* response) {
  response->headers.emplace_back("X-Prometheus-Stopping", d.status->Stopping() ? "true" : "false");
}

// In the envelope: Grafana shows nothing but "couldn't be parsed" for plain text here.
Response NotReadyEnvelope(const ApiDependencies& d) {
  const storage::ReplayProgress replay = d.storage->Replay();
  std::string text(kNotReady);
  if (d.status->Stopping()) {
    text += ": the server is shutting down";
  } else if (!replay.done && replay.max > 0) {
    text += fmt::format(": the server is starting, write-ahead log segment {} of {}..{}",
                        replay.current, replay.min, replay.max);
  } else {
    text += ": the server is starting";
  }
  Response response = ErrorResponse(503, "unavailable", text);
  MarkNotReady(d, &response);
  return response;
}

}  // namespace

Handler ApiRoute(const ApiDependencies& d, ApiHandler handler) {
  return Metered(d, [d, inner = Enveloped(std::move(handler))](const Request& request) {
    Response response = d.status->Ready() ? inner(request) : NotReadyEnvelope(d);
    AddCorsHeaders(request, d.cors_origin.get(), &response);
    CompressResponse(request, &response);
    return response;
  });
}

Handler Metered(const ApiDependencies& d, Handler handler) {
  static base::MemoryPool no_limits;
  base::MemoryPool* const pool = d.memory != nullptr ? d.memory : &no_limits;
  return [pool, handler = std::move(handler)](const Request& request) {
    auto meter = std::make_shared<base::MemoryMeter>(pool, request.turn);
    const base::MemoryMeter::Scope counted(meter.get());
    Response response = handler(request);
    // The allocator would keep it for a while, and the next one might not find room.
    const int64_t given_back = meter->peak_bytes() - meter->used_bytes();
    if (given_back > kReleaseBytes) storage::ReleaseFreeMemory();
    response.held = std::move(meter);
    return response;
  };
}

Handler AnytimeRoute(const ApiDependencies& d, ApiHandler handler) {
  return [d, inner = Enveloped(std::move(handler))](const Request& request) {
    Response response = inner(request);
    AddCorsHeaders(request, d.cors_origin.get(), &response);
    return response;
  };
}

Handler WhenReady(const ApiDependencies& d, Handler handler) {
  return [d, handler = std::move(handler)](const Request& request) {
    if (d.status->Ready()) return handler(request);
    Response response{.status = 503, .content_type = "text/plain; charset=utf-8"};
    response.body = kNotReady;
    MarkNotReady(d, &response);
    return response;
  };
}

void AddRead(Router* router, const ApiDependencies& d, std::string_view path, ApiHandler handler,
             Lane lane) {
  const Handler wrapped = ApiRoute(d, std::move(handler));
  router->Add(Method::kGet, path, wrapped, lane);
  router->Add(Method::kPost, path, wrapped, lane);
}

void AddQuery(Router* router, const ApiDependencies& d, std::string_view path, ApiHandler handler) {
  AddRead(router, d, path, std::move(handler), Lane::kQuery);
}

void RegisterRoutes(Router* router, const ApiDependencies& d) {
  router->set_prefix(d.route_prefix);
  router->Add(Method::kOptions, "/api/v1/*path",
              ApiRoute(d,
                       [](const Request&, Reply* reply) {
                         reply->NoContent();
                         return absl::OkStatus();
                       }),
              Lane::kPrompt);
  AddQueryRoutes(router, d);
  AddSeriesRoutes(router, d);
  AddTargetRoutes(router, d);
  AddRuleRoutes(router, d);
  AddStatusRoutes(router, d);
  AddStorageRoutes(router, d);
  AddAdminRoutes(router, d);
  AddManagementRoutes(router, d);
  AddWriteRoutes(router, d);
  AddFederationRoute(router, d);
  AddPageRoutes(router, d);
}

}  // namespace api
