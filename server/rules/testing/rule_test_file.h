// Files that say what rules should do, in promtool's format.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "promql/testing/series_description.h"
#include "server/rules/rule_file.h"
#include "storage/model/sample.h"

namespace server {

struct ExpectedAlert {
  LabelTexts labels, annotations;  // `alertname` is among the labels.
};

struct AlertCheck {
  int64_t eval_time_ms = 0;  // From the start of the test; so everywhere here.
  std::string alertname;
  std::vector<ExpectedAlert> alerts;
};

struct ExpectedSample {
  model::Labels labels;
  double value = 0;
  promql::HistogramPtr histogram;  // Instead of `value`, or null.
};

struct ExpressionCheck {
  std::string expr;
  int64_t eval_time_ms = 0;
  std::vector<ExpectedSample> samples;
  std::string error;  // What is wrong with the samples as they are written: the check fails.
};

struct RuleTest {
  std::string name;         // "": it has none.
  int64_t interval_ms = 0;  // Between the values of input series.
  std::vector<promql_test::SeriesDescription> input;
  std::vector<AlertCheck> alert_checks;
  std::vector<ExpressionCheck> expression_checks;
  model::Labels external_labels;
  std::string external_url;
  model::TimeMs start = 0;
  // What is wrong with its input, or an alert check without a name: the test fails and does not
  // run.
  std::string error;

  int64_t last_eval_time_ms() const;
};

struct RuleTestFile {
  std::vector<std::string> rule_files;  // Patterns, relative to the file.
  int64_t evaluation_interval_ms = 60'000;
  std::vector<std::string> group_eval_order;
  bool fuzzy_compare = false;
  std::vector<RuleTest> tests;
};

// kInvalidArgument: one "file:line:column: what" a line.
absl::StatusOr<RuleTestFile> ParseRuleTestFile(std::string_view text, const std::string& file);

}  // namespace server
