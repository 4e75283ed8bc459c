#include "api/features.h"

#include "promql/signatures.h"

namespace api {

FeatureMap OwnFeatures(const promql::Engine::Options& engine, bool admin, bool lifecycle,
                       bool remote_write) {
  FeatureMap all;
  all["api"] = {{"admin", admin},
                {"exclude_alerts", true},
                {"label_values_match", true},
                {"lifecycle", lifecycle},
                {"openapi_3.1", false},
                {"openapi_3.2", false},
                {"otlp_write_receiver", false},
                {"query_stats", true},
                {"query_warnings", true},
                {"remote_write_receiver", remote_write},
                {"search", false},
                {"search_fuzz_alg_jarowinkler", false},
                {"search_fuzz_alg_subsequence", false},
                {"time_range_labels", true},
                {"time_range_series", true}};
  const promql::ParseOptions& parse = engine.features;
  auto& language = all["promql"];
  for (const char* name : {"at_modifier", "bool", "by", "duration_expr", "group_left",
                           "group_right", "ignoring", "negative_offset", "offset", "on",
                           "per_query_lookback_delta", "subqueries", "without"}) {
    language[name] = true;
  }
  language["anchored"] = language["smoothed"] = parse.extended_range_selectors;
  language["fill"] = language["fill_left"] = language["fill_right"] = parse.binop_fill;
  language["delayed_name_removal"] = engine.delayed_name_removal;
  language["type_and_unit_labels"] = engine.type_and_unit_labels;
  language["per_step_stats"] = engine.per_step_stats;
  for (const promql::Signature& signature : promql::AllSignatures()) {
    all["promql_functions"][std::string(signature.name)] =
        !signature.experimental || parse.experimental_functions;
  }
  auto& operators = all["promql_operators"];
  for (const char* name :
       {"!=", "!~", "%", "*", "+", "-", "/", "<", "</", "<=", "==", "=~", ">", ">/", ">=", "@",
        "^", "and", "atan2", "avg", "bottomk", "count", "count_values", "group", "max", "min", "or",
        "quantile", "stddev", "stdvar", "sum", "topk", "unless"}) {
    operators[name] = true;
  }
  operators["limitk"] = operators["limit_ratio"] = parse.experimental_functions;
  all["ui"] = {{"ui_v2", false}, {"ui_v3", true}};
  return all;
}

}  // namespace api
