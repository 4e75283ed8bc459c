// /api/v1/labels, label/{name}/values, series. spec 3.3.
#include <algorithm>

#include "api/params.h"
#include "api/route_groups.h"
#include "api/selected_cardinality.h"
#include "api/value_json.h"
#include "storage/base/memory_meter.h"
#include "storage/base/status.h"

namespace api {
namespace {

using MatcherSet = std::vector<model::Matcher>;

constexpr std::string_view kTruncated = "results truncated due to limit";

// One more than asked for tells whether something was cut off.
size_t HintLimit(int64_t limit) { return limit == 0 ? 0 : static_cast<size_t>(limit) + 1; }

bool Gone(const Request& request) {
  return request.cancelled != nullptr && request.cancelled->load(std::memory_order_relaxed);
}
absl::Status ClientGone() { return base::Cancelled("context canceled"); }

// For loops over series: whether to go on.
absl::Status Check(const Request& request, int64_t n) {
  if (n % 1024 != 0) return absl::OkStatus();
  return Gone(request) ? ClientGone() : base::MemoryMeter::Check();
}

// What storage says is execution, whatever its code: only params may blame the caller.
absl::Status AsExecution(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kDeadlineExceeded: return status;
    default: return base::Aborted("{}", base::message(status));
  }
}

absl::Status WriteStrings(const Request& request, std::vector<std::string> strings, int64_t limit,
                          Reply* reply) {
  if (limit > 0 && strings.size() > static_cast<size_t>(limit)) {
    strings.resize(static_cast<size_t>(limit));
    reply->Warn(std::string(kTruncated));
  }
  JsonWriter* json = reply->json();
  json->BeginArray();
  for (size_t i = 0; i < strings.size(); ++i) {
    RETURN_IF_ERROR(Check(request, static_cast<int64_t>(i)));
    json->String(strings[i]);
  }
  json->EndArray();
  return absl::OkStatus();
}

// The sorted union of what `list` gives for each set of matchers; once, without, when there is none.
template <class List>
absl::StatusOr<std::vector<std::string>> UnionOf(const Request& request,
                                                 const std::vector<MatcherSet>& sets, List list) {
  if (sets.empty()) return list(storage::Matchers());
  if (sets.size() == 1) return list(storage::Matchers(sets[0]));
  std::vector<std::string> all;
  for (const MatcherSet& set : sets) {
    if (Gone(request)) return ClientGone();
    absl::StatusOr<std::vector<std::string>> some = list(storage::Matchers(set));
    if (!some.ok()) return some.status();
    std::move(some->begin(), some->end(), std::back_inserter(all));
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
  }
  return all;
}

void TakeWarnings(const storage::Querier& querier, Reply* reply) {
  for (std::string& text : querier.Warnings()) reply->Warn(std::move(text));
}

struct Asked {
  int64_t limit = 0;
  model::TimeRange range;
  std::vector<MatcherSet> sets;
  std::unique_ptr<storage::Querier> querier;
};

absl::StatusOr<Asked> Ask(const ApiDependencies& d, const Request& request) {
  Asked asked;
  ASSIGN_OR_RETURN(asked.limit, LimitParam(request));
  ASSIGN_OR_RETURN(asked.range, RangeParams(request));
  ASSIGN_OR_RETURN(asked.sets, MatcherSets(request));
  auto querier = d.queryable->NewQuerier(asked.range);
  if (!querier.ok()) return AsExecution(querier.status());
  asked.querier = *std::move(querier);
  return asked;
}

absl::Status LabelNames(const ApiDependencies& d, const Request& request, Reply* reply) {
  ASSIGN_OR_RETURN(const Asked asked, Ask(d, request));
  auto names = UnionOf(request, asked.sets, [&](storage::Matchers matchers) {
    return asked.querier->LabelNames(matchers, HintLimit(asked.limit));
  });
  if (!names.ok()) return AsExecution(names.status());
  TakeWarnings(*asked.querier, reply);
  return WriteStrings(request, *std::move(names), asked.limit, reply);
}

absl::Status LabelValues(const ApiDependencies& d, const Request& request, Reply* reply) {
  const std::string name = UnescapeLabelName(request.Capture("name"));
  if (name.empty() || !model::IsValidUtf8(name)) {
    return base::InvalidArgument("invalid label name: {}", Quoted(name));
  }
  ASSIGN_OR_RETURN(const Asked asked, Ask(d, request));
  auto values = UnionOf(request, asked.sets, [&](storage::Matchers matchers) {
    return asked.querier->LabelValues(name, matchers, HintLimit(asked.limit));
  });
  if (!values.ok()) return AsExecution(values.status());
  TakeWarnings(*asked.querier, reply);
  return WriteStrings(request, *std::move(values), asked.limit, reply);
}

// The label sets of several selections, in order, each once.
class Merge {
 public:
  explicit Merge(std::vector<std::unique_ptr<storage::Selection>> parts)
      : parts_(std::move(parts)), at_(parts_.size(), 0) {}

  // False at the end.
  bool Next(model::LabelsView* labels) {
    bool found = false;
    for (size_t i = 0; i < parts_.size(); ++i) {
      if (at_[i] == parts_[i]->size()) continue;
      const model::LabelsView mine = parts_[i]->labels(at_[i]);
      if (!found || mine < *labels) *labels = mine;
      found = true;
    }
    if (!found) return false;
    for (size_t i = 0; i < parts_.size(); ++i) {
      if (at_[i] < parts_[i]->size() && parts_[i]->labels(at_[i]) == *labels) ++at_[i];
    }
    return true;
  }

 private:
  std::vector<std::unique_ptr<storage::Selection>> parts_;
  std::vector<int> at_;
};

absl::Status SeriesList(const ApiDependencies& d, const Request& request, Reply* reply) {
  if (!request.FindParam("match[]")) {
    return base::InvalidArgument("no match[] parameter provided");
  }
  if (const auto sets = MatcherSets(request); !sets.ok()) {
    return InvalidParam("match[]", sets.status());
  }
  ASSIGN_OR_RETURN(const Asked asked, Ask(d, request));
  std::vector<std::unique_ptr<storage::Selection>> selections;
  for (const MatcherSet& set : asked.sets) {
    if (Gone(request)) return ClientGone();
    auto selection = asked.querier->Select({.matchers = set, .range = asked.range});
    if (!selection.ok()) return AsExecution(selection.status());
    selections.push_back(*std::move(selection));
  }
  TakeWarnings(*asked.querier, reply);
  Merge merge(std::move(selections));
  JsonWriter* json = reply->json();
  json->BeginArray();
  model::LabelsView labels;
  for (int64_t n = 0; merge.Next(&labels); ++n) {
    if (asked.limit > 0 && n == asked.limit) {
      reply->Warn(std::string(kTruncated));
      break;
    }
    RETURN_IF_ERROR(Check(request, n));
    AppendLabelsJson(json->Value(), labels);
  }
  json->EndArray();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<storage::Cardinality> CardinalityOfSelected(const ApiDependencies& d,
                                                           const Request& request,
                                                           model::TimeRange range, size_t limit,
                                                           Reply* reply) {
  const auto sets = MatcherSets(request);
  if (!sets.ok()) return InvalidParam("match[]", sets.status());
  if (range.min > range.max) return storage::Cardinality();
  const auto querier = d.queryable->NewQuerier(range);
  if (!querier.ok()) return AsExecution(querier.status());
  std::vector<std::unique_ptr<storage::Selection>> selections;
  for (const MatcherSet& set : *sets) {
    if (Gone(request)) return ClientGone();
    auto selection = (*querier)->Select({.matchers = set, .range = range});
    if (!selection.ok()) return AsExecution(selection.status());
    selections.push_back(*std::move(selection));
  }
  TakeWarnings(**querier, reply);
  Merge merge(std::move(selections));  // Holds the text of what is counted.
  SelectedCardinality counts;
  model::LabelsView labels;
  for (int64_t n = 0; merge.Next(&labels); ++n) {
    RETURN_IF_ERROR(Check(request, n));
    counts.Add(labels);
  }
  return counts.Top(limit);
}

void AddSeriesRoutes(Router* router, const ApiDependencies& d) {
  AddQuery(router, d, "/api/v1/labels", [d](const Request& request, Reply* reply) {
    return LabelNames(d, request, reply);
  });
  AddQuery(router, d, "/api/v1/label/{name}/values", [d](const Request& request, Reply* reply) {
    return LabelValues(d, request, reply);
  });
  AddQuery(router, d, "/api/v1/series", [d](const Request& request, Reply* reply) {
    return SeriesList(d, request, reply);
  });
}

}  // namespace api
