// record: the answer of an expression as series of another name.
#pragma once

#include "server/rules/rule.h"

namespace server {

class RecordingRule final : public Rule {
 public:
  using Rule::Rule;

  // kInvalidArgument when two series become equal, or there are more than the limit.
  absl::StatusOr<std::vector<promql::VectorSample>> Evaluate(
      const RuleEvaluation& evaluation) override;
};

}  // namespace server
