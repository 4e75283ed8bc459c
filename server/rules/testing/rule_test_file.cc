#include "server/rules/testing/rule_test_file.h"

#include <algorithm>
#include <set>

#include "api/params.h"
#include "server/config/fields.h"
#include "server/config/scalar.h"
#include "server/config/schema.h"
#include "storage/base/status.h"
#include "storage/model/duration_text.h"

namespace server {
namespace {

LabelTexts ReadTexts(const YamlNode& map) {
  LabelTexts out;
  for (size_t i = 0; i < map.keys.size(); ++i)
    out.emplace_back(map.keys[i].name, map.items[i].text);
  std::sort(out.begin(), out.end());
  return out;
}

// Values may stand on several lines.
std::string OnOneLine(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

absl::StatusOr<ExpectedSample> ReadSample(const Fields& fields) {
  ExpectedSample sample;
  ASSIGN_OR_RETURN(const auto metric, promql_test::ParseSeriesDescription(fields.String("labels")));
  if (!metric.values.empty()) return base::InvalidArgument("there is more than labels");
  sample.labels = metric.labels;
  if (fields.Has("value")) sample.value = YamlFloat(fields.At("value")).value_or(0);
  const std::string histogram = fields.String("histogram");
  if (histogram.empty()) return sample;
  ASSIGN_OR_RETURN(const auto series,
                   promql_test::ParseSeriesDescription("{} " + OnOneLine(histogram)));
  if (series.values.size() != 1) {
    return base::InvalidArgument("expected 1 value, got {}", series.values.size());
  }
  if (series.values[0].histogram == nullptr)
    return base::InvalidArgument("expected histogram, got {}", histogram);
  sample.histogram = series.values[0].histogram;
  return sample;
}

ExpressionCheck ReadExpressionCheck(const Fields& fields) {
  ExpressionCheck check;
  check.expr = fields.String("expr");
  check.eval_time_ms = fields.DurationMs("eval_time", 0);
  for (const YamlNode& node : fields.List("exp_samples")) {
    auto sample = ReadSample(Fields(node));
    if (sample.ok()) {
      check.samples.push_back(*std::move(sample));
    } else if (check.error.empty()) {
      check.error = fmt::format("labels {}: {}", Quote(Fields(node).String("labels")),
                                base::message(sample.status()));
    }
  }
  return check;
}

AlertCheck ReadAlertCheck(const Fields& fields) {
  AlertCheck check;
  check.eval_time_ms = fields.DurationMs("eval_time", 0);
  check.alertname = fields.String("alertname");
  for (const YamlNode& node : fields.List("exp_alerts")) {
    const Fields alert(node);
    check.alerts.push_back(
        {Merged(ReadTexts(alert.Section("exp_labels").node()), {{"alertname", check.alertname}}),
         ReadTexts(alert.Section("exp_annotations").node())});
  }
  return check;
}

void ReadInput(const Fields& fields, Problems* problems, RuleTest* test) {
  for (const YamlNode& node : fields.List("input_series")) {
    const Fields series(node);
    const std::string line = series.String("series") + " " + series.String("values");
    auto description = promql_test::ParseSeriesDescription(OnOneLine(line));
    if (description.ok()) {
      test->input.push_back(*std::move(description));
    } else if (test->error.empty()) {
      test->error =
          fmt::format("    {}:{}:{}: input series {}: {}", problems->file(), node.line, node.column,
                      Quote(series.String("series")), base::message(description.status()));
    }
  }
}

RuleTest ReadTest(const Fields& fields, int64_t default_interval_ms, Problems* problems) {
  RuleTest test;
  test.name = fields.String("name");
  test.interval_ms = fields.DurationMs("interval", 0);
  if (test.interval_ms == 0) test.interval_ms = default_interval_ms;
  ReadInput(fields, problems, &test);
  for (const YamlNode& node : fields.List("alert_rule_test")) {
    test.alert_checks.push_back(ReadAlertCheck(Fields(node)));
    if (test.alert_checks.back().alertname.empty() && test.error.empty()) {
      test.error = fmt::format(
          "    an item under alert_rule_test misses required attribute alertname at eval_time {}{}",
          model::FormatDurationMs(test.alert_checks.back().eval_time_ms),
          test.name.empty() ? "" : fmt::format(" (in TestGroup {})", test.name));
    }
  }
  for (const YamlNode& node : fields.List("promql_expr_test")) {
    test.expression_checks.push_back(ReadExpressionCheck(Fields(node)));
  }
  test.external_labels =
      model::Labels::FromPairs(ReadTexts(fields.Section("external_labels").node()));
  test.external_url = fields.String("external_url");
  if (fields.Has("start_timestamp")) {
    const auto start = api::ParseTime(fields.String("start_timestamp"));
    if (start.ok()) test.start = *start;
    if (!start.ok())
      problems->Add(fields.At("start_timestamp"), "{}", base::message(start.status()));
  }
  return test;
}

}  // namespace

int64_t RuleTest::last_eval_time_ms() const {
  int64_t last = 0;
  for (const AlertCheck& check : alert_checks) last = std::max(last, check.eval_time_ms);
  for (const ExpressionCheck& check : expression_checks) last = std::max(last, check.eval_time_ms);
  return last;
}

absl::StatusOr<RuleTestFile> ParseRuleTestFile(std::string_view text, const std::string& file) {
  ASSIGN_OR_RETURN(const YamlNode root, ParseYaml(text, file));
  Problems problems(file);
  CheckSchema(root, "rule_test_file", "", &problems);
  RETURN_IF_ERROR(problems.status());
  const Fields fields(root);
  RuleTestFile out;
  out.rule_files = fields.Strings("rule_files");
  out.evaluation_interval_ms = fields.DurationMs("evaluation_interval", 0);
  if (out.evaluation_interval_ms == 0) out.evaluation_interval_ms = 60'000;
  out.group_eval_order = fields.Strings("group_eval_order");
  out.fuzzy_compare = fields.Bool("fuzzy_compare", false);
  std::set<std::string> groups;
  for (const YamlNode& node : fields.List("group_eval_order")) {
    if (!groups.insert(node.text).second) {
      problems.Add(node, "group name repeated in evaluation order: {}", node.text);
    }
  }
  for (const YamlNode& node : fields.List("tests")) {
    out.tests.push_back(ReadTest(Fields(node), out.evaluation_interval_ms, &problems));
  }
  RETURN_IF_ERROR(problems.status());
  return out;
}

}  // namespace server
