// What a query has cost, as JSON: {"timings":{...},"samples":{...}}. spec 3.2. And of ours, when the
// cache of results was asked: "cache":{"result":"partial","steps":719}.
#pragma once

#include "api/json_writer.h"
#include "promql/analysis.h"
#include "promql/engine.h"

namespace api {

// `grid` is the query's: of the figures by step, if there are any.
void WriteQueryStats(JsonWriter* json, const promql::QueryStats& stats, const promql::Grid& grid);

// explain=analyze: {"node":"aggregate","expr":"sum(up)","steps":1,"series":1,"rows":1,"samples":0,
// "bytes":4096,"selfTime":0.00001,"totalTime":0.0002,"number":1,"inputs":[...]}, and "sharedWith":3
// where an equal part was evaluated; see promql/analysis.h.
void WriteAnalysis(JsonWriter* json, const promql::NodeReport& node);

}  // namespace api
