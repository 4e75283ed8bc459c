// /api/v1/admin/tsdb/* and /api/v1/search/*: what is off by default, and how it says so.
// spec 3.3, 3.7.
#include "api/params.h"
#include "api/route_groups.h"
#include "promql/parser.h"
#include "storage/base/status.h"
#include "storage/copies/copy_name.h"

namespace api {
namespace {

// What storage says is never the caller's fault, and may be over soon: the log is still being read,
// the disk is full.
absl::Status OfStorage(const absl::Status& status, Reply* reply) {
  reply->UnavailableForNow();
  if (status.ok() || absl::IsUnavailable(status)) return status;
  return base::Internal("{}", base::message(status));
}

// As in Prometheus a selector may be one that everything satisfies. Either all are carried out or,
// unlike there, none.
absl::Status DeleteSeries(const ApiDependencies& d, const Request& request, Reply* reply) {
  if (!request.FindParam("match[]")) {
    return base::InvalidArgument("no match[] parameter provided");
  }
  ASSIGN_OR_RETURN(const model::TimeRange range, RangeParams(request));
  std::vector<std::vector<model::Matcher>> sets;
  for (const std::string_view text : request.ParamList("match[]")) {
    auto set = promql::ParseMetricSelector(text);
    if (!set.ok()) return InvalidParam("match[]", set.status());
    sets.push_back(*std::move(set));
  }
  reply->NoContent();
  return OfStorage(d.storage->Delete(sets, range), reply);
}

absl::Status CleanTombstones(const ApiDependencies& d, const Request&, Reply* reply) {
  reply->NoContent();
  return OfStorage(d.storage->CleanTombstones(), reply);
}

absl::Status Snapshot(const ApiDependencies& d, const Request& request, Reply* reply) {
  ASSIGN_OR_RETURN(const bool skip_head, BoolParam(request, "skip_head"));
  // Ours: who chooses the name can remove a snapshot of which it never got the answer.
  std::string name(request.Param("name"));
  if (name.empty()) name = storage::NewCopyName(d.clock->NowMs());
  if (!storage::IsCopyName(name)) {
    return InvalidParam("name", "not of the form 20061231T235959Z-0123456789abcdef");
  }
  const absl::Status made = d.storage->Snapshot(name, skip_head);
  RETURN_IF_ERROR(OfStorage(base::Annotate(made, "create snapshot"), reply));
  reply->json()->BeginObject();
  reply->json()->Key("name");
  reply->json()->String(name);
  reply->json()->EndObject();
  return absl::OkStatus();
}

}  // namespace

void AddAdminRoutes(Router* router, const ApiDependencies& d) {
  const auto add = [&](std::string_view name, auto handle) {
    const Handler handler = ApiRoute(d, [d, handle](const Request& request, Reply* reply) {
      if (!d.status->AdminEnabled()) return base::Unavailable("admin APIs disabled");
      return handle(d, request, reply);
    });
    const std::string path = fmt::format("/api/v1/admin/tsdb/{}", name);
    router->Add(Method::kPost, path, handler);
    router->Add(Method::kPut, path, handler);
  };
  add("delete_series", DeleteSeries);
  add("clean_tombstones", CleanTombstones);
  add("snapshot", Snapshot);
  for (const char* name : {"metric_names", "label_names", "label_values"}) {
    AddRead(router, d, fmt::format("/api/v1/search/{}", name), [](const Request&, Reply*) {
      return base::Unavailable("search API disabled");
    });
  }
}

}  // namespace api
