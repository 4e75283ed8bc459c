#include "server/rules/recording_rule.h"

#include <absl/container/flat_hash_set.h>

#include "storage/base/status.h"

namespace server {

absl::StatusOr<std::vector<promql::VectorSample>> RecordingRule::Evaluate(
    const RuleEvaluation& evaluation) {
  ASSIGN_OR_RETURN(std::vector<promql::VectorSample> samples,
                   evaluation.query->Evaluate(expr(), evaluation.sample_time(), origin()));
  absl::flat_hash_set<model::LabelsView, model::LabelsHash, model::LabelsEq> seen;
  model::LabelsBuilder builder;
  for (promql::VectorSample& sample : samples) {
    builder.Reset(sample.labels);
    builder.Set(model::kMetricName, name());
    for (const auto& [label, value] : labels()) builder.Set(label, value);
    sample.labels = builder.Build();
    sample.sample.t = evaluation.sample_time();
  }
  for (const promql::VectorSample& sample : samples) {
    if (!seen.insert(sample.labels.view()).second) {
      return base::InvalidArgument(
          "vector contains metrics with the same labelset after applying rule labels");
    }
  }
  if (evaluation.limit > 0 && static_cast<int64_t>(samples.size()) > evaluation.limit) {
    return base::InvalidArgument("exceeded limit of {} with {} series", evaluation.limit,
                                 samples.size());
  }
  return samples;
}

}  // namespace server
