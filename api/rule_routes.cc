// /api/v1/rules, alerts. This build evaluates no rules: the lists are empty, in their exact shape,
// and parameters are checked as if they were not. spec 3.5.
#include <algorithm>

#include "api/params.h"
#include "api/route_groups.h"
#include "storage/base/status.h"

namespace api {
namespace {

absl::Status CheckPagination(const Request& request) {
  const std::string limit_text = LowerUrlParam(request, "group_limit");
  const std::string token = LowerUrlParam(request, "group_next_token");
  if (limit_text.empty()) {
    if (token.empty()) return absl::OkStatus();
    return InvalidParam("group_next_token",
                        "group_limit needs to be present in order to paginate over the groups");
  }
  const auto limit = ParseInt(limit_text);
  if (!limit.ok() || *limit > INT32_MAX || *limit < INT32_MIN) {
    const bool too_large = limit.ok() || base::message(limit.status()).ends_with("range");
    return InvalidParam(
        "group_limit",
        fmt::format("group_limit needs to be a valid number: strconv.ParseInt: parsing {}: {}",
                    Quoted(limit_text), too_large ? "value out of range" : "invalid syntax"));
  }
  if (*limit <= 0) return InvalidParam("group_limit", "group_limit needs to be greater than 0");
  if (token.empty()) return absl::OkStatus();
  return InvalidParam(
      "group_next_token",
      fmt::format("invalid group_next_token '{}'. were rule groups changed?", token));
}

absl::Status Rules(const Request& request, Reply* reply) {
  RETURN_IF_ERROR(MatcherSets(request).status());
  const std::string type = LowerUrlParam(request, "type");
  if (!type.empty() && type != "alert" && type != "record") {
    return InvalidParam("type", fmt::format("not supported value {}", Quoted(type)));
  }
  const std::string exclude = LowerUrlParam(request, "exclude_alerts");
  constexpr std::string_view kBools[] = {"", "0", "1", "t", "f", "true", "false"};
  if (std::find(std::begin(kBools), std::end(kBools), exclude) == std::end(kBools)) {
    return InvalidParam("exclude_alerts",
                        fmt::format("error converting exclude_alerts: strconv.ParseBool: parsing "
                                    "{}: invalid syntax",
                                    Quoted(exclude)));
  }
  RETURN_IF_ERROR(CheckPagination(request));
  reply->json()->Raw(R"({"groups":[]})");
  return absl::OkStatus();
}

}  // namespace

void AddRuleRoutes(Router* router, const ApiDependencies& d) {
  AddRead(router, d, "/api/v1/rules",
          [](const Request& request, Reply* reply) { return Rules(request, reply); });
  AddRead(router, d, "/api/v1/alerts", [](const Request&, Reply* reply) {
    reply->json()->Raw(R"({"alerts":[]})");
    return absl::OkStatus();
  });
}

}  // namespace api
