// The routes by subject, and how they are dressed. For routes.cc and the *_routes.cc files only.
#pragma once

#include <string_view>

#include "api/envelope.h"
#include "api/router.h"
#include "api/routes.h"
#include "storage/block/census.h"

namespace api {

// What Prometheus wraps around a route of /api/v1: 503 before the server is ready, envelope, CORS
// headers, compression.
Handler ApiRoute(const ApiDependencies& d, ApiHandler handler);
// The same, but answered at any time and never compressed.
Handler AnytimeRoute(const ApiDependencies& d, ApiHandler handler);
// What the handler allocates is counted, and the request ends with kResourceExhausted when it is
// more than d.memory allows.
Handler Metered(const ApiDependencies& d, Handler handler);
// 503 as plain text before the server is ready.
Handler WhenReady(const ApiDependencies& d, Handler handler);

// GET and POST: Grafana may ask either way.
void AddRead(Router* router, const ApiDependencies& d, std::string_view path, ApiHandler handler,
             Lane lane = Lane::kOrdinary);
// The same for what reads the store: Lane::kQuery.
void AddQuery(Router* router, const ApiDependencies& d, std::string_view path, ApiHandler handler);

void AddQueryRoutes(Router* router, const ApiDependencies& d);
void AddSeriesRoutes(Router* router, const ApiDependencies& d);
void AddTargetRoutes(Router* router, const ApiDependencies& d);
void AddRuleRoutes(Router* router, const ApiDependencies& d);
void AddStatusRoutes(Router* router, const ApiDependencies& d);
// Of /api/v1/status/storage and /api/v1/status/tsdb/blocks, which both count what lies in blocks.
absl::Status WriteStorageStatus(const ApiDependencies& d, const Request& request,
                                storage::Census* census, Reply* reply);
absl::Status WriteBlocksStatus(const ApiDependencies& d, const Request& request,
                               storage::Census* census, Reply* reply);
void AddStorageRoutes(Router* router, const ApiDependencies& d);
void AddAdminRoutes(Router* router, const ApiDependencies& d);
void AddManagementRoutes(Router* router, const ApiDependencies& d);
void AddWriteRoutes(Router* router, const ApiDependencies& d);
void AddFederationRoute(Router* router, const ApiDependencies& d);
void AddPageRoutes(Router* router, const ApiDependencies& d);

}  // namespace api
