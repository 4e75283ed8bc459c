#include "api/query_stats.h"

#include <string_view>
#include <utility>

namespace api {

void WriteQueryStats(JsonWriter* json, const promql::QueryStats& stats, const promql::Grid& grid) {
  json->BeginObject();
  json->Key("timings");
  json->BeginObject();
  const auto timing = [&](std::string_view name, double seconds) {
    json->Key(name);
    json->Double(seconds);
  };
  timing("evalTotalTime", stats.prepare_s + stats.eval_s + stats.sort_s);
  timing("resultSortTime", stats.sort_s);
  timing("queryPreparationTime", stats.prepare_s);
  timing("innerEvalTime", stats.eval_s);
  timing("execQueueTime", stats.queue_s);
  timing("execTotalTime", stats.total_s);
  json->EndObject();
  json->Key("samples");
  json->BeginObject();
  const auto number = [&](std::string_view name, int64_t n) {
    json->Key(name);
    json->Int(n);
  };
  const auto by_step = [&](std::string_view name, const std::vector<int64_t>& counts) {
    if (counts.empty()) return;
    json->Key(name);
    json->BeginArray();
    for (size_t i = 0; i < counts.size(); ++i) {
      json->BeginArray();
      json->Double(static_cast<double>(grid.at(static_cast<int>(i))) / 1000);
      json->Int(counts[i]);
      json->EndArray();
    }
    json->EndArray();
  };
  by_step("totalQueryableSamplesPerStep", stats.samples_by_step);
  number("totalQueryableSamples", stats.samples);
  by_step("samplesReadPerStep", stats.samples_read_by_step);
  number("samplesRead", stats.samples_read);
  number("peakSamples", stats.peak_samples);
  json->EndObject();
  if (stats.cached != promql::CacheOutcome::kNone) {
    json->Key("cache");
    json->BeginObject();
    json->Key("result");
    json->String(promql::ToString(stats.cached));
    number("steps", stats.cached_steps);
    json->EndObject();
  }
  json->EndObject();
}

void WriteAnalysis(JsonWriter* json, const promql::NodeReport& node) {
  json->BeginObject();
  json->Key("node");
  json->String(node.node);
  json->Key("expr");
  json->String(node.expression);
  const std::pair<std::string_view, int64_t> numbers[] = {{"steps", node.steps},
                                                          {"series", node.series},
                                                          {"rows", node.rows},
                                                          {"samples", node.samples},
                                                          {"bytes", node.bytes}};
  for (const auto& [name, n] : numbers) {
    json->Key(name);
    json->Int(n);
  }
  json->Key("selfTime");
  json->Double(node.self_s);
  json->Key("totalTime");
  json->Double(node.total_s);
  json->Key("number");
  json->Int(node.number);
  if (node.shared_with != 0) {
    json->Key("sharedWith");
    json->Int(node.shared_with);
  }
  json->Key("inputs");
  json->BeginArray();
  for (const promql::NodeReport& input : node.inputs) WriteAnalysis(json, input);
  json->EndArray();
  json->EndObject();
}

}  // namespace api
