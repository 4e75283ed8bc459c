// GET /federate: the newest sample of what match[] selects, for another server to scrape. spec 3.9.
#include <algorithm>

#include "api/compress.h"
#include "api/envelope.h"
#include "api/exposition.h"
#include "api/params.h"
#include "api/route_groups.h"
#include "promql/parser.h"
#include "storage/base/memory_meter.h"
#include "storage/base/status.h"

namespace api {
namespace {

constexpr int kSeriesPerCheck = 256;  // Of the memory a request may take.

struct Newest {
  model::LabelsView labels;  // Of a Selection that is kept.
  std::string_view metric;
  model::Sample sample;
};

// Appends what a selection holds in `range`, stale markers and nameless series left out.
absl::Status Collect(const storage::Selection& selection, model::TimeRange range,
                     std::vector<Newest>* out) {
  chunk::SampleColumns columns;
  for (int i = 0; i < selection.size(); ++i) {
    if (i % kSeriesPerCheck == 0) RETURN_IF_ERROR(base::MemoryMeter::Check());
    RETURN_IF_ERROR(selection.Read(i, range, &columns));
    if (columns.size() == 0 || model::IsStaleNan(columns.values.back())) continue;
    const model::LabelsView labels = selection.labels(i);
    const std::string_view metric = labels.MetricName();
    if (metric.empty()) continue;
    out->push_back({labels, metric, {columns.times.back(), columns.values.back()}});
  }
  return absl::OkStatus();
}

std::vector<model::Labels::Pair> ExternalLabels(StatusProvider* status) {
  std::vector<model::Labels::Pair> extra;
  bool has_instance = false;
  for (const model::Label& label : status->ExternalLabels()) {
    extra.emplace_back(label.name, label.value);
    has_instance |= label.name == "instance";
  }
  // An empty instance keeps the scraper from putting its own there.
  if (!has_instance) extra.emplace_back("instance", "");
  std::sort(extra.begin(), extra.end());
  return extra;
}

// Bad matchers alone are the caller's fault.
absl::Status AsExecution(const absl::Status& status) {
  if (absl::IsInvalidArgument(status)) return base::Internal("{}", base::message(status));
  return status;
}

// A limit was reached, and says so in the envelope that other routes have; anything else is text.
Response Failed(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument: return TextResponse(400, base::message(status));
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled: return Refusal(status);
    default: return TextResponse(500, base::message(status));
  }
}

absl::StatusOr<std::string> Federate(const ApiDependencies& d, const Request& request,
                                     NameEscaping escaping) {
  std::vector<std::vector<model::Matcher>> sets;
  for (const std::string_view text : request.ParamList("match[]")) {
    ASSIGN_OR_RETURN(auto set, promql::ParseMetricSelector(text));
    sets.push_back(std::move(set));
  }
  const model::TimeMs now = d.clock->NowMs();
  const model::TimeRange range = {
      now - absl::ToInt64Milliseconds(d.engine->options().lookback), now};
  auto querier = d.queryable->NewQuerier(range);
  if (!querier.ok()) return AsExecution(querier.status());
  std::vector<std::unique_ptr<storage::Selection>> kept;
  std::vector<Newest> found;
  for (const auto& set : sets) {
    auto selection = (*querier)->Select({.matchers = set, .range = range});
    if (!selection.ok()) return AsExecution(selection.status());
    if (const auto read = Collect(**selection, range, &found); !read.ok()) return AsExecution(read);
    kept.push_back(*std::move(selection));
  }
  if (d.stats != nullptr) d.stats->federation_warnings.Add((*querier)->Warnings().size());
  // By name, then in label order; what several selectors found is there once.
  std::sort(found.begin(), found.end(), [](const Newest& a, const Newest& b) {
    return a.metric != b.metric ? a.metric < b.metric : a.labels < b.labels;
  });
  found.erase(std::unique(found.begin(), found.end(),
                          [](const Newest& a, const Newest& b) { return a.labels == b.labels; }),
              found.end());
  const std::vector<model::Labels::Pair> extra = ExternalLabels(d.status);
  std::string text;
  ExpositionWriter writer(escaping, &text);
  for (size_t i = 0; i < found.size(); ++i) {
    if (i % kSeriesPerCheck == 0) RETURN_IF_ERROR(base::MemoryMeter::Check());
    const Newest& series = found[i];
    writer.Write(series.metric, series.labels, extra, series.sample);
  }
  return text;
}

}  // namespace

void AddFederationRoute(Router* router, const ApiDependencies& d) {
  router->Add(Method::kGet, "/federate", WhenReady(d, Metered(d, [d](const Request& request) {
    const NameEscaping escaping = NegotiateEscaping(request.Header("accept"));
    auto text = Federate(d, request, escaping);
    Response response;
    if (text.ok()) {
      response.content_type = ContentTypeOf(escaping);
      response.body = *std::move(text);
    } else {
      const bool bad = text.status().code() == absl::StatusCode::kInvalidArgument;
      if (!bad && d.stats != nullptr && !base::MemoryMeter::PutOff()) d.stats->federation_errors.Add();
      response = Failed(text.status());
    }
    CompressResponse(request, &response);
    return response;
  })), Lane::kQuery);
}

}  // namespace api
