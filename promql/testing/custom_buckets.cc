#include "promql/testing/custom_buckets.h"

#include <cmath>
#include <limits>
#include <optional>
#include <string_view>

#include "promql/histogram/arithmetic.h"
#include "storage/base/status.h"
#include "storage/model/number_text.h"

namespace promql_test {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

struct Classic {  // At one moment.
  std::map<double, double> buckets;  // Upper bound -> how many are below.
  std::optional<double> count;
  double sum = 0;
};

absl::StatusOr<promql::HistogramPtr> Convert(Classic classic) {
  const double highest = classic.buckets.empty() ? 0 : classic.buckets.rbegin()->second;
  const double count = classic.count.value_or(highest);
  classic.buckets.try_emplace(kInf, count);
  model::FloatHistogram h;
  h.schema = model::kCustomBuckets;
  h.count = count;
  h.sum = classic.sum;
  h.positive_spans = {{0, static_cast<uint32_t>(classic.buckets.size())}};
  double before = 0;
  for (const auto& [bound, below] : classic.buckets) {
    if (below < before) return base::InvalidArgument("count is not cumulative");
    h.positive_buckets.push_back(below - before);
    if (bound != kInf) h.custom_values.push_back(bound);
    before = below;
  }
  if (before != count) return base::InvalidArgument("count mismatch");
  promql::histogram::Compact(&h);
  RETURN_IF_ERROR(h.Validate());
  return promql::Share(std::move(h));
}

}  // namespace

absl::StatusOr<NativeSeries> ToCustomBuckets(const ClassicSeries& series) {
  std::map<model::Labels, std::map<model::TimeMs, Classic>> found;
  for (const auto& [labels, samples] : series) {
    const std::string_view name = labels.MetricName();
    for (const std::string_view suffix : {"_bucket", "_count", "_sum"}) {
      if (!name.ends_with(suffix)) continue;
      const std::optional<double> bound = model::ParseFloat(labels.Get("le"));
      if (suffix == "_bucket" && (!bound.has_value() || std::isnan(*bound))) continue;
      model::LabelsBuilder builder(labels);
      builder.Set(model::kMetricName, name.substr(0, name.size() - suffix.size())).Remove("le");
      std::map<model::TimeMs, Classic>& moments = found[builder.Build()];
      for (const model::Sample& sample : samples) {
        Classic& classic = moments[sample.t];
        if (suffix == "_bucket") {
          classic.buckets.try_emplace(*bound, sample.v);
        } else if (suffix == "_count") {
          classic.count = sample.v;
        } else {
          classic.sum = sample.v;
        }
      }
    }
  }
  NativeSeries out;
  for (auto& [labels, moments] : found) {
    for (auto& [t, classic] : moments) {
      ASSIGN_OR_RETURN(promql::HistogramPtr h, Convert(std::move(classic)));
      out[labels].push_back({t, std::move(h)});
    }
  }
  return out;
}

}  // namespace promql_test
