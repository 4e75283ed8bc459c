// /api/v1/status/limits: what is limited, how far it is, what was refused and by whose fault. Ours. And
// where the other routes about what is stored are added.
#include "api/params.h"
#include "api/route_groups.h"
#include "storage/base/status.h"

namespace api {
namespace {

struct LimitName {
  std::string_view name, flag, unit;
};
constexpr LimitName kNames[storage::kSeriesLimits] = {
    {"max_series", "--storage.max-series", "series"},
    {"max_series_per_job", "--storage.max-series-per-job", "series"},
    {"max_series_per_metric", "--storage.max-series-per-metric", "series"},
    {"memory", "--storage.memory-limit", "bytes"}};

void WriteText(JsonWriter* json, std::string_view key, std::string_view value) {
  json->Key(key);
  json->String(value);
}
void WriteNumber(JsonWriter* json, std::string_view key, uint64_t value) {
  json->Key(key);
  json->Uint(value);
}

void WriteLimits(JsonWriter* json, const storage::SeriesLimitReport& report,
                 const ResourceState& resources) {
  json->Key("limits");
  json->BeginArray();
  for (size_t i = 0; i < report.entries.size(); ++i) {
    const storage::SeriesLimitReport::Entry& entry = report.entries[i];
    const bool memory = static_cast<storage::SeriesLimit>(i) == storage::SeriesLimit::kMemory;
    json->BeginObject();
    WriteText(json, "name", kNames[i].name);
    WriteText(json, "flag", kNames[i].flag);
    WriteText(json, "unit", kNames[i].unit);
    WriteNumber(json, "limit",
                memory ? static_cast<uint64_t>(resources.split.limit_bytes) : entry.limit);
    WriteNumber(json, "current",
                memory ? static_cast<uint64_t>(resources.use.resident_bytes) : entry.current);
    if (!entry.fullest.empty()) WriteText(json, "fullest", entry.fullest);
    WriteNumber(json, "refused", entry.refused);
    json->EndObject();
  }
  json->EndArray();
}

void WriteCulprits(JsonWriter* json, const std::vector<storage::Culprit>& culprits) {
  json->Key("culprits");
  json->BeginArray();
  for (const storage::Culprit& culprit : culprits) {
    json->BeginObject();
    WriteText(json, "metric", culprit.metric);
    WriteText(json, "label", culprit.label);
    WriteNumber(json, "distinctValues", culprit.distinct_values);
    WriteNumber(json, "refusedSeries", culprit.refused_series);
    WriteNumber(json, "refusedSamples", culprit.refused_samples);
    json->EndObject();
  }
  json->EndArray();
}

void WriteRefusing(JsonWriter* json, const storage::Admission& admission) {
  using Gate = storage::Admission::Gate;
  constexpr std::pair<Gate, std::string_view> kGates[] = {{Gate::kLog, "ingest"},
                                                          {Gate::kDisk, "ingest"},
                                                          {Gate::kNewSeries, "newSeries"},
                                                          {Gate::kQueries, "queries"}};
  json->Key("refusing");
  json->BeginArray();
  for (const auto& [gate, what] : kGates) {
    if (!admission.closed(gate)) continue;
    json->BeginObject();
    WriteText(json, "what", what);
    WriteText(json, "reason", admission.reason(gate));
    json->EndObject();
  }
  json->EndArray();
  WriteNumber(json, "refusedBatches", admission.refused_commits());
  WriteNumber(json, "refusedSamples", admission.refused_samples());
  WriteNumber(json, "refusedQueries", admission.refused_queries());
}

absl::Status Limits(const ApiDependencies& d, Reply* reply) {
  storage::Database* const database = d.storage->database();
  if (database == nullptr) return base::Unavailable("TSDB not ready");
  const ResourceState resources = d.status->Resources();
  const storage::SeriesLimitReport report = database->limits();
  JsonWriter* json = reply->json();
  json->BeginObject();
  WriteLimits(json, report, resources);
  WriteCulprits(json, report.culprits);
  WriteText(json, "shedding", storage::ToString(resources.stage));
  WriteRefusing(json, *database->admission());
  json->EndObject();
  return absl::OkStatus();
}

}  // namespace

void AddStorageRoutes(Router* router, const ApiDependencies& d) {
  AddRead(router, d, "/api/v1/status/limits",
          [d](const Request&, Reply* reply) { return Limits(d, reply); });
  const auto census = std::make_shared<storage::Census>();
  AddRead(router, d, "/api/v1/status/storage", [d, census](const Request& request, Reply* reply) {
    return WriteStorageStatus(d, request, census.get(), reply);
  });
  AddRead(router, d, "/api/v1/status/tsdb/blocks",
          [d, census](const Request& request, Reply* reply) {
            return WriteBlocksStatus(d, request, census.get(), reply);
          });
}

}  // namespace api
