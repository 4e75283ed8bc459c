// /api/v1/status/*, features, notifications. spec 3.6.
#include "api/features.h"
#include "api/params.h"
#include "api/route_groups.h"
#include "api/selected_cardinality.h"
#include "api/time_text.h"
#include "storage/base/status.h"

namespace api {
namespace {

constexpr int64_t kMaxTsdbLimit = 10000;

void WriteStringMap(JsonWriter* json, const auto& pairs) {
  json->BeginObject();
  for (const auto& [key, value] : pairs) {
    json->Key(key);
    json->String(value);
  }
  json->EndObject();
}

void WriteRuntimeInfo(JsonWriter* json, StatusProvider* status) {
  json->BeginObject();
  for (const auto& [key, value] : status->RuntimeInfo()) {
    json->Key(key);
    json->Raw(value);
  }
  json->EndObject();
}

void WriteEntries(JsonWriter* json, std::string_view key,
                  const std::vector<storage::CardinalityEntry>& entries) {
  json->Key(key);
  json->BeginArray();
  for (const storage::CardinalityEntry& entry : entries) {
    json->BeginObject();
    json->Key("name");
    json->String(entry.name);
    json->Key("value");
    json->Uint(entry.value);
    json->EndObject();
  }
  json->EndArray();
}

absl::Status TsdbStatus(const ApiDependencies& d, const Request& request, Reply* reply) {
  int64_t limit = 10;
  if (const std::string_view text = request.Param("limit"); !text.empty()) {
    const auto parsed = ParseInt(text);
    if (!parsed.ok() || *parsed < 1) {
      return base::InvalidArgument("limit must be a positive number");
    }
    if (*parsed > kMaxTsdbLimit) {
      return base::InvalidArgument("limit must not exceed {}", kMaxTsdbLimit);
    }
    limit = *parsed;
  }
  ASSIGN_OR_RETURN(const storage::HeadInfo head, d.storage->Head());
  const auto n = static_cast<size_t>(limit);
  ASSIGN_OR_RETURN(const storage::Cardinality top,
                   request.FindParam("match[]")
                       ? CardinalityOfSelected(d, request, head.range, n, reply)
                       : d.storage->TopCardinality(n));
  JsonWriter* json = reply->json();
  json->BeginObject();
  json->Key("headStats");
  json->BeginObject();
  json->Key("numSeries");
  json->Uint(head.num_series);
  json->Key("numLabelPairs");
  json->Uint(head.num_label_pairs);
  json->Key("chunkCount");
  json->Uint(head.num_chunks);
  json->Key("minTime");
  json->Int(head.range.min);
  json->Key("maxTime");
  json->Int(head.range.max);
  json->EndObject();
  WriteEntries(json, "seriesCountByMetricName", top.series_by_metric);
  WriteEntries(json, "labelValueCountByLabelName", top.values_by_label);
  WriteEntries(json, "memoryInBytesByLabelName", top.bytes_by_label);
  WriteEntries(json, "seriesCountByLabelValuePair", top.series_by_pair);
  json->EndObject();
  return absl::OkStatus();
}

void WriteReplay(JsonWriter* json, const storage::ReplayProgress& replay) {
  json->BeginObject();
  json->Key("min");
  json->Uint(replay.min);
  json->Key("max");
  json->Uint(replay.max);
  json->Key("current");
  json->Uint(replay.current);
  json->Key("done");  // Ours.
  json->Bool(replay.done);
  json->Key("percent");
  json->Int(replay.percent());
  json->Key("readBytes");
  json->Uint(replay.read_bytes);
  json->Key("totalBytes");
  json->Uint(replay.total_bytes);
  json->Key("secondsLeft");
  json->Double(replay.seconds_left());
  json->EndObject();
}

void WriteFeatures(const ApiDependencies& d, JsonWriter* json) {
  FeatureMap features = OwnFeatures(d.engine->options(), d.status->AdminEnabled(),
                                    d.status->LifecycleEnabled(), d.status->RemoteWriteEnabled());
  for (const auto& [category, named] : d.status->Features()) {
    for (const auto& [feature, on] : named) features[category][feature] = on;
  }
  json->set_escape_html(false);  // Operators are features, and readable ones.
  json->BeginObject();
  for (const auto& [category, named] : features) {
    json->Key(category);
    json->BeginObject();
    for (const auto& [feature, on] : named) {
      json->Key(feature);
      json->Bool(on);
    }
    json->EndObject();
  }
  json->EndObject();
}

void WriteNotifications(const ApiDependencies& d, JsonWriter* json) {
  json->BeginArray();
  for (const Notification& notification : d.status->Notifications()) {
    json->BeginObject();
    json->Key("text");
    json->String(notification.text);
    json->Key("date");
    json->String(FormatRfc3339Ns(notification.since_ms * 1'000'000));
    json->Key("active");
    json->Bool(notification.active);
    json->EndObject();
  }
  json->EndArray();
}

// A handler that only writes and cannot fail.
template <class Write>
ApiHandler Writer(Write write) {
  return [write](const Request&, Reply* reply) {
    write(reply->json());
    return absl::OkStatus();
  };
}

}  // namespace

void AddStatusRoutes(Router* router, const ApiDependencies& d) {
  AddRead(router, d, "/api/v1/status/config", Writer([d](JsonWriter* json) {
            WriteStringMap(json, Pairs{{"yaml", d.status->ConfigYaml()}});
          }));
  AddRead(router, d, "/api/v1/status/flags",
          Writer([d](JsonWriter* json) { WriteStringMap(json, d.status->Flags()); }));
  AddRead(router, d, "/api/v1/status/buildinfo",
          Writer([d](JsonWriter* json) { WriteStringMap(json, d.status->BuildInfo()); }));
  AddRead(router, d, "/api/v1/status/runtimeinfo",
          Writer([d](JsonWriter* json) { WriteRuntimeInfo(json, d.status); }));
  AddQuery(router, d, "/api/v1/status/tsdb", [d](const Request& request, Reply* reply) {
    return TsdbStatus(d, request, reply);
  });
  AddRead(router, d, "/api/v1/features",
          Writer([d](JsonWriter* json) { WriteFeatures(d, json); }));

  const auto anytime = [&](std::string_view path, ApiHandler handler) {
    router->Add(Method::kGet, path, AnytimeRoute(d, std::move(handler)), Lane::kPrompt);
  };
  anytime("/api/v1/status/walreplay",
          Writer([d](JsonWriter* json) { WriteReplay(json, d.storage->Replay()); }));
  anytime("/api/v1/notifications", Writer([d](JsonWriter* json) { WriteNotifications(d, json); }));
  // Nothing is pushed: 204 tells an EventSource not to come again.
  anytime("/api/v1/notifications/live", [](const Request&, Reply* reply) {
    reply->NoContent();
    return absl::OkStatus();
  });
}

}  // namespace api
