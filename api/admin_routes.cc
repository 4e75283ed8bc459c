// /api/v1/admin/tsdb/* and /api/v1/search/*: what is off by default, and how it says so.
// spec 3.3, 3.7.
#include "api/params.h"
#include "api/route_groups.h"
#include "storage/base/status.h"

namespace api {

void AddAdminRoutes(Router* router, const ApiDependencies& d) {
  for (const std::string_view name : {"delete_series", "clean_tombstones", "snapshot"}) {
    const Handler handler =
        ApiRoute(d, [d, name](const Request& request, Reply*) -> absl::Status {
          if (!d.status->AdminEnabled()) return base::Unavailable("admin APIs disabled");
          if (name == "delete_series") {
            if (!request.FindParam("match[]")) {
              return base::InvalidArgument("no match[] parameter provided");
            }
            RETURN_IF_ERROR(RangeParams(request).status());
            if (const auto sets = MatcherSets(request); !sets.ok()) {
              return InvalidParam("match[]", sets.status());
            }
          }
          return base::Unavailable("{} is not supported by this version yet", name);
        });
    const std::string path = fmt::format("/api/v1/admin/tsdb/{}", name);
    router->Add(Method::kPost, path, handler);
    router->Add(Method::kPut, path, handler);
  }
  for (const char* name : {"metric_names", "label_names", "label_values"}) {
    AddRead(router, d, fmt::format("/api/v1/search/{}", name), [](const Request&, Reply*) {
      return base::Unavailable("search API disabled");
    });
  }
}

}  // namespace api
