#include "api/query_stats.h"

#include <string_view>
#include <utility>

namespace api {

void WriteQueryStats(JsonWriter* json, const promql::QueryStats& stats) {
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
  number("totalQueryableSamples", stats.samples);
  number("samplesRead", stats.samples);
  number("peakSamples", stats.peak_samples);
  json->EndObject();
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
  json->Key("inputs");
  json->BeginArray();
  for (const promql::NodeReport& input : node.inputs) WriteAnalysis(json, input);
  json->EndArray();
  json->EndObject();
}

}  // namespace api
