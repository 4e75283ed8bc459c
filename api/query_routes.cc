// /api/v1/query, query_range, query_exemplars, format_query, parse_query. spec 3.2.
#include <cmath>

#include "api/params.h"
#include "api/query_stats.h"
#include "api/route_groups.h"
#include "api/value_json.h"
#include "promql/printer.h"
#include "storage/base/status.h"
#include "storage/model/number_text.h"

namespace api {
namespace {

constexpr int64_t kMaxPoints = 11000;
constexpr std::string_view kTruncated = "results truncated due to limit";

// What query and query_range have in common.
struct Common {
  int64_t limit = 0;
  promql::QueryOptions options;
};

// Without the port, and without the brackets of IPv6.
std::string ClientIp(std::string_view remote) {
  std::string_view host = remote.substr(0, remote.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return std::string(host);
}

absl::StatusOr<promql::QueryOptions> ParseOptions(const Request& request) {
  promql::QueryOptions options;
  options.cancelled = request.cancelled;
  options.arrived = request.arrived;
  options.origin = {"httpRequest",
                    {{"clientIP", ClientIp(request.remote)},
                     {"method", request.method == Method::kPost ? "POST" : "GET"},
                     {"path", request.path}}};
  options.stats_by_step = request.Param("stats") == "all";
  if (const std::string_view text = request.Param("explain"); !text.empty()) {
    if (text != "analyze") return InvalidParam("explain", "the only value is \"analyze\"");
    options.analyze = true;
  }
  if (const std::string_view text = request.Param("timeout"); !text.empty()) {
    const auto timeout = ParseDurationNs(text);
    if (!timeout.ok()) return InvalidParam("timeout", timeout.status());
    options.timeout = absl::Nanoseconds(*timeout);
  }
  if (const std::string_view text = request.Param("lookback_delta"); !text.empty()) {
    const auto lookback = ParseDurationNs(text);
    if (!lookback.ok()) {
      return base::InvalidArgument("error parsing lookback delta duration: {}",
                                   base::message(lookback.status()));
    }
    // Zero and below mean the server's own.
    if (*lookback >= 1'000'000) options.lookback = absl::Nanoseconds(*lookback);
  }
  return options;
}

template <class T>
void Truncate(std::vector<T>* values, int64_t limit, Reply* reply) {
  if (limit == 0 || values->size() <= static_cast<size_t>(limit)) return;
  values->resize(static_cast<size_t>(limit));
  reply->Warn(std::string(kTruncated));
}

absl::Status Answer(const ApiDependencies& d, const Request& request, promql::Grid grid,
                    int64_t limit, const promql::QueryOptions& options, Reply* reply) {
  auto result = d.engine->Evaluate(request.Param("query"), grid, d.queryable, options);
  if (!result.ok()) {
    if (result.status().code() == absl::StatusCode::kInvalidArgument) {
      return InvalidParam("query", result.status());
    }
    return result.status();
  }
  reply->warnings = std::move(result->annotations.warnings);
  reply->infos = std::move(result->annotations.infos);
  Truncate(&result->value.matrix, limit, reply);
  Truncate(&result->value.vector, limit, reply);
  const std::string_view stats = request.Param("stats");
  if (!stats.empty() && stats != "true" && stats != "all") {
    reply->Warn(fmt::format("value {} for parameter \"stats\" is deprecated and will be rejected "
                            "in the next major release, use \"true\" or \"all\"",
                            Quoted(stats)));
  }
  JsonWriter* json = reply->json();
  json->BeginObject();
  json->Key("resultType");  // Before the result: Grafana reads a stream.
  json->String(promql::ToString(result->value.type));
  json->Key("result");
  RETURN_IF_ERROR(AppendResultJson(json->Value(), result->value));
  if (!stats.empty()) {
    json->Key("stats");
    WriteQueryStats(json, result->stats, grid);
  }
  if (result->analysis != nullptr) {
    json->Key("explain");
    WriteAnalysis(json, *result->analysis);
  }
  json->EndObject();
  return absl::OkStatus();
}

absl::Status Query(const ApiDependencies& d, const Request& request, Reply* reply) {
  ASSIGN_OR_RETURN(const int64_t limit, LimitParam(request));
  promql::Grid grid;
  auto time = TimeParam(request, "time", d.clock->NowMs());
  if (!time.ok()) return time.status();
  grid.start = grid.end = *time;
  ASSIGN_OR_RETURN(const promql::QueryOptions options, ParseOptions(request));
  return Answer(d, request, grid, limit, options, reply);
}

absl::StatusOr<promql::Grid> ParseGrid(const Request& request) {
  promql::Grid grid;
  const auto start = ParseTime(request.Param("start"));
  if (!start.ok()) return InvalidParam("start", start.status());
  const auto end = ParseTime(request.Param("end"));
  if (!end.ok()) return InvalidParam("end", end.status());
  if (*end < *start) return InvalidParam("end", "end timestamp must not be before start time");
  const auto step_ns = ParseDurationNs(request.Param("step"));
  if (!step_ns.ok()) return InvalidParam("step", step_ns.status());
  if (*step_ns < 1'000'000) {  // Times have milliseconds: a smaller step is none.
    return InvalidParam("step",
                        "zero or negative query resolution step widths are not accepted. Try a "
                        "positive integer");
  }
  grid = {.start = *start, .end = *end, .step_ms = *step_ns / 1'000'000};
  // Both ends are within kMinTime..kMaxTime: the difference may still overflow.
  const uint64_t span = static_cast<uint64_t>(*end) - static_cast<uint64_t>(*start);
  if (span / static_cast<uint64_t>(grid.step_ms) > kMaxPoints) {
    return base::InvalidArgument(
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
        "resolution (?step=XX)");
  }
  return grid;
}

absl::Status QueryRange(const ApiDependencies& d, const Request& request, Reply* reply) {
  ASSIGN_OR_RETURN(const int64_t limit, LimitParam(request));
  ASSIGN_OR_RETURN(const promql::Grid grid, ParseGrid(request));
  ASSIGN_OR_RETURN(promql::QueryOptions options, ParseOptions(request));
  const std::string_view nocache = request.Param("nocache");
  options.use_cache = nocache.empty() || nocache == "0" || nocache == "false";
  return Answer(d, request, grid, limit, options, reply);
}

// Every selector's matchers, in order of appearance. The depth of an expression is bounded by the
// parser.
void CollectSelectors(const promql::Expr& expr, std::vector<std::vector<model::Matcher>>* out) {
  if (expr.kind == promql::ExprKind::kVectorSelector) out->push_back(expr.matchers);
  for (const promql::ExprPtr& child : {expr.param, expr.lhs, expr.rhs}) {
    if (child != nullptr) CollectSelectors(*child, out);
  }
  for (const promql::ExprPtr& arg : expr.args) CollectSelectors(*arg, out);
}

void WriteExemplars(JsonWriter* json, const std::vector<storage::ExemplarSeries>& all) {
  json->BeginArray();
  for (const storage::ExemplarSeries& series : all) {
    json->BeginObject();
    json->Key("seriesLabels");  // Before the exemplars: Grafana reads a stream.
    AppendLabelsJson(json->Value(), series.labels);
    json->Key("exemplars");
    json->BeginArray();
    for (const model::Exemplar& exemplar : series.exemplars) {
      json->BeginObject();
      json->Key("labels");
      AppendLabelsJson(json->Value(), exemplar.labels);
      json->Key("value");
      AppendValueJson(json->Value(), exemplar.value);
      json->Key("timestamp");
      model::AppendTimestamp(json->Value(), exemplar.t);
      json->EndObject();
    }
    json->EndArray();
    json->EndObject();
  }
  json->EndArray();
}

absl::Status QueryExemplars(const ApiDependencies& d, const Request& request, Reply* reply) {
  ASSIGN_OR_RETURN(const model::TimeRange range, RangeParams(request));
  if (range.empty()) {
    return base::InvalidArgument("end timestamp must not be before start timestamp");
  }
  ASSIGN_OR_RETURN(const promql::ExprPtr expr,
                   promql::Parse(request.Param("query"), d.engine->options().features));
  std::vector<std::vector<model::Matcher>> selectors;
  CollectSelectors(*expr, &selectors);
  if (selectors.empty()) {
    reply->NoContent();
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const auto exemplars, d.storage->Exemplars(selectors, range));
  WriteExemplars(reply->json(), exemplars);
  return absl::OkStatus();
}

absl::StatusOr<promql::ExprPtr> ParseQuery(const ApiDependencies& d, const Request& request) {
  auto expr = promql::Parse(request.Param("query"), d.engine->options().features);
  if (!expr.ok()) return InvalidParam("query", expr.status());
  return expr;
}

}  // namespace

void AddQueryRoutes(Router* router, const ApiDependencies& d) {
  AddQuery(router, d, "/api/v1/query", [d](const Request& request, Reply* reply) {
    return Query(d, request, reply);
  });
  AddQuery(router, d, "/api/v1/query_range", [d](const Request& request, Reply* reply) {
    return QueryRange(d, request, reply);
  });
  AddQuery(router, d, "/api/v1/query_exemplars", [d](const Request& request, Reply* reply) {
    return QueryExemplars(d, request, reply);
  });
  AddRead(router, d, "/api/v1/format_query",
          [d](const Request& request, Reply* reply) -> absl::Status {
            ASSIGN_OR_RETURN(const promql::ExprPtr expr, ParseQuery(d, request));
            reply->json()->String(promql::Prettify(*expr));
            return absl::OkStatus();
          });
  AddRead(router, d, "/api/v1/parse_query",
          [d](const Request& request, Reply* reply) -> absl::Status {
            ASSIGN_OR_RETURN(const promql::ExprPtr expr, ParseQuery(d, request));
            reply->json()->Raw(promql::FormatAst(*expr));
            return absl::OkStatus();
          });
}

}  // namespace api
