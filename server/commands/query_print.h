// Answers for people and for other programs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/commands/query_answer.h"

namespace server {

enum class QueryFormat {
  kTable,   // A column for each label. Series over time as a line of bars, of histograms' counts.
  kCsv,     // RFC 4180: a column for each label, `timestamp` in seconds, `value`; a row a sample. With
            // histograms also `count`, `sum` and `buckets`, where `value` is empty then.
  kJson,    // promtool's: the `result` of the API's answer.
  kPromql,  // promtool's: up{job="x"} => 1 @[1435781451.781]
};
std::optional<QueryFormat> FormatOf(std::string_view name);  // table, csv, json, promql

std::string PrintValue(const AnswerValue& value, QueryFormat format);
std::string PrintSeries(const std::vector<model::Labels>& series, QueryFormat format);
std::string PrintNames(const std::vector<std::string>& names, QueryFormat format);

}  // namespace server
