// /api/v1/targets, targets/metadata, scrape_pools, metadata, alertmanagers. spec 3.3, 3.4.
#include <algorithm>
#include <map>

#include "api/params.h"
#include "api/route_groups.h"
#include "api/time_text.h"
#include "api/value_json.h"
#include "promql/parser.h"
#include "storage/base/status.h"

namespace api {
namespace {

void StringField(JsonWriter* json, std::string_view key, std::string_view value) {
  json->Key(key);
  json->String(value);
}

void LabelsField(JsonWriter* json, std::string_view key, model::LabelsView labels) {
  json->Key(key);
  AppendLabelsJson(json->Value(), labels);
}

void WriteActive(JsonWriter* json, const TargetInfo& target) {
  json->BeginObject();
  LabelsField(json, "discoveredLabels", target.discovered_labels);
  LabelsField(json, "labels", target.labels);
  StringField(json, "scrapePool", target.scrape_pool);
  StringField(json, "scrapeUrl", target.scrape_url);
  StringField(json, "globalUrl", target.global_url);
  StringField(json, "lastError", target.last_error);
  StringField(json, "lastScrape",
              target.last_scrape_ns == 0 ? std::string(kGoZeroTime)
                                         : FormatRfc3339Ns(target.last_scrape_ns));
  json->Key("lastScrapeDuration");
  json->Double(target.last_scrape_duration_s);
  StringField(json, "health", target.health);
  StringField(json, "scrapeInterval", target.scrape_interval);
  StringField(json, "scrapeTimeout", target.scrape_timeout);
  json->EndObject();
}

void WriteDropped(JsonWriter* json, const DroppedTarget& target) {
  json->BeginObject();
  LabelsField(json, "discoveredLabels", target.discovered_labels);
  StringField(json, "scrapePool", target.scrape_pool);
  json->EndObject();
}

void Targets(const ApiDependencies& d, const Request& request, JsonWriter* json) {
  const std::string_view pool = UrlParam(request, "scrapePool");
  const std::string state = LowerUrlParam(request, "state");
  const bool show_active = state.empty() || state == "any" || state == "active";
  const bool show_dropped = state.empty() || state == "any" || state == "dropped";
  const auto by_pool = [](const auto& a, const auto& b) { return a.scrape_pool < b.scrape_pool; };
  json->BeginObject();
  json->Key("activeTargets");
  json->BeginArray();
  if (show_active) {
    std::vector<TargetInfo> active = d.targets->ActiveTargets();
    std::stable_sort(active.begin(), active.end(), by_pool);
    for (const TargetInfo& target : active) {
      if (pool.empty() || target.scrape_pool == pool) WriteActive(json, target);
    }
  }
  json->EndArray();
  json->Key("droppedTargets");
  json->BeginArray();
  if (show_dropped) {
    std::vector<DroppedTarget> dropped = d.targets->DroppedTargets();
    std::stable_sort(dropped.begin(), dropped.end(), by_pool);
    for (const DroppedTarget& target : dropped) {
      if (pool.empty() || target.scrape_pool == pool) WriteDropped(json, target);
    }
  }
  json->EndArray();
  json->Key("droppedTargetCounts");
  if (show_dropped) {
    json->BeginObject();
    for (const auto& [name, count] : d.targets->DroppedTargetCounts()) {
      json->Key(name);
      json->Int(count);
    }
    json->EndObject();
  } else {
    json->Null();
  }
  json->EndObject();
}

// -1 when absent.
absl::StatusOr<int64_t> NumberParam(const Request& request, std::string_view name) {
  const std::string_view text = request.Param(name);
  if (text.empty()) return -1;
  auto n = ParseInt(text);
  if (!n.ok()) return base::InvalidArgument("{} must be a number", name);
  return n;
}

void WriteMetadata(JsonWriter* json, const model::Metadata& metadata) {
  StringField(json, "type", model::ToString(metadata.type));
  StringField(json, "unit", metadata.unit);
  StringField(json, "help", metadata.help);
}

absl::Status TargetsMetadata(const ApiDependencies& d, const Request& request, Reply* reply) {
  ASSIGN_OR_RETURN(const int64_t limit, NumberParam(request, "limit"));
  std::vector<model::Matcher> matchers;
  if (const std::string_view text = request.Param("match_target"); !text.empty()) {
    auto parsed = promql::ParseMetricSelector(text);
    if (!parsed.ok()) return InvalidParam("match_target", parsed.status());
    matchers = *std::move(parsed);
  }
  const std::string_view metric = request.Param("metric");
  JsonWriter* json = reply->json();
  json->BeginArray();
  int64_t count = 0;
  for (const TargetMetadata& entry : d.targets->Metadata()) {
    if (limit >= 0 && count >= limit) break;
    if (!metric.empty() && entry.metric != metric) continue;
    const auto matches = [&](const model::Matcher& m) {
      return m.Matches(entry.target.Get(m.name()));
    };
    if (!std::all_of(matchers.begin(), matchers.end(), matches)) continue;
    json->BeginObject();
    LabelsField(json, "target", entry.target);
    if (metric.empty()) StringField(json, "metric", entry.metric);
    StringField(json, "type", model::ToString(entry.metadata.type));
    StringField(json, "help", entry.metadata.help);
    StringField(json, "unit", entry.metadata.unit);
    json->EndObject();
    ++count;
  }
  json->EndArray();
  return absl::OkStatus();
}

absl::Status MetricMetadata(const ApiDependencies& d, const Request& request, Reply* reply) {
  ASSIGN_OR_RETURN(const int64_t limit, NumberParam(request, "limit"));
  ASSIGN_OR_RETURN(const int64_t limit_per_metric, NumberParam(request, "limit_per_metric"));
  const std::string_view metric = request.Param("metric");
  std::map<std::string, std::vector<model::Metadata>> by_metric;
  const auto add = [&](std::string name, model::Metadata metadata) {
    std::vector<model::Metadata>& known = by_metric[std::move(name)];
    if (limit_per_metric > 0 && known.size() >= static_cast<size_t>(limit_per_metric)) return;
    if (std::find(known.begin(), known.end(), metadata) != known.end()) return;
    known.push_back(std::move(metadata));
  };
  for (TargetMetadata& entry : d.targets->Metadata()) {
    if (!metric.empty() && entry.metric != metric) continue;
    add(std::move(entry.metric), std::move(entry.metadata));
  }
  // What was said before the start, by targets that are gone, and over remote write.
  if (const storage::Database* database = d.storage->database()) {
    for (model::FamilyMetadata& entry : database->Metadata(metric)) {
      add(std::move(entry.family), std::move(entry.metadata));
    }
  }
  JsonWriter* json = reply->json();
  json->BeginObject();
  int64_t count = 0;
  for (const auto& [name, all] : by_metric) {
    if (limit >= 0 && count++ >= limit) break;
    json->Key(name);
    json->BeginArray();
    for (const model::Metadata& metadata : all) {
      json->BeginObject();
      WriteMetadata(json, metadata);
      json->EndObject();
    }
    json->EndArray();
  }
  json->EndObject();
  return absl::OkStatus();
}

void ScrapePools(const ApiDependencies& d, JsonWriter* json) {
  std::vector<std::string> names = d.targets->ScrapePools();
  std::sort(names.begin(), names.end());
  json->BeginObject();
  json->Key("scrapePools");
  json->BeginArray();
  for (const std::string& name : names) json->String(name);
  json->EndArray();
  json->EndObject();
}

absl::Status ScrapePoolConfig(const ApiDependencies& d, const Request& request, Reply* reply) {
  const std::string_view pool = request.Param("scrapePool");
  if (pool.empty()) return base::InvalidArgument("no scrapePool parameter provided");
  const auto yaml = d.targets->ScrapePoolConfig(pool);
  if (!yaml.ok()) {
    return base::InvalidArgument("error retrieving scrape config: {}",
                                 base::message(yaml.status()));
  }
  reply->json()->BeginObject();
  StringField(reply->json(), "yaml", *yaml);
  reply->json()->EndObject();
  return absl::OkStatus();
}

}  // namespace

void AddTargetRoutes(Router* router, const ApiDependencies& d) {
  AddRead(router, d, "/api/v1/targets", [d](const Request& request, Reply* reply) {
    Targets(d, request, reply->json());
    return absl::OkStatus();
  });
  AddRead(router, d, "/api/v1/targets/metadata", [d](const Request& request, Reply* reply) {
    return TargetsMetadata(d, request, reply);
  });
  AddRead(router, d, "/api/v1/metadata", [d](const Request& request, Reply* reply) {
    return MetricMetadata(d, request, reply);
  });
  AddRead(router, d, "/api/v1/scrape_pools", [d](const Request&, Reply* reply) {
    ScrapePools(d, reply->json());
    return absl::OkStatus();
  });
  AddRead(router, d, "/api/v1/scrape_pools/config", [d](const Request& request, Reply* reply) {
    return ScrapePoolConfig(d, request, reply);
  });
  AddRead(router, d, "/api/v1/alertmanagers", [](const Request&, Reply* reply) {
    reply->json()->Raw(R"({"activeAlertmanagers":[],"droppedAlertmanagers":[]})");
    return absl::OkStatus();
  });
}

}  // namespace api
