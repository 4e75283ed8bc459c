// Answers for people and for other programs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/commands/query_answer.h"

namespace server {

enum class QueryFormat {
  kTable,   // A column for each label. Series over time as a line of bars.
  kCsv,     // RFC 4180: a column for each label, `timestamp` in seconds, `value`; a row a sample.
  kJson,    // promtool's: the `result` of the API's answer.
  kPromql,  // promtool's: up{job="x"} => 1 @[1435781451.781]
};
std::optional<QueryFormat> FormatOf(std::string_view name);  // table, csv, json, promql

std::string PrintValue(const promql::Value& value, QueryFormat format);
std::string PrintSeries(const std::vector<model::Labels>& series, QueryFormat format);
std::string PrintNames(const std::vector<std::string>& names, QueryFormat format);

// `points` as bars between the least and the greatest, `width` characters at most; where there is
// no point, a space. Points that share a character show as their mean.
std::string Sparkline(const std::vector<model::Sample>& points, model::TimeRange range, int width);

}  // namespace server
