#include "server/rules/testing/rule_test_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "server/rules/testing/rule_test_report.h"
#include "tests/testing/temp_dir.h"

namespace server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class RuleTestRunnerTest : public ::testing::Test {
 protected:
  RuleTestRunnerTest() {
    Write("rules.yml", R"(
groups:
- name: records
  rules:
  - {record: "m:double", expr: m * 2}
  - {record: "h:copy", expr: h}
- name: alerts
  rules:
  - alert: High
    expr: m:double > 5
    for: 1m
    labels: {severity: "{{ $labels.job }}"}
    annotations: {summary: "{{ $value }} in {{ $externalLabels.region }} at {{ $externalURL }}"}
)");
  }

  std::string Write(const std::string& name, std::string_view text) {
    const std::string path = dir_.path() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }

  RuleTestFileResult Run(std::string_view tests, RuleTestOptions options = {},
                         const std::string& head = "rule_files: ['rul*.yml']\n") {
    options.warn = [this](const std::string& line) { warnings_.push_back(line); };
    return RuleTestRunner(std::move(options)).Run(Write("test.yml", head + std::string(tests)));
  }

  testing_support::TempDir dir_;
  std::vector<std::string> warnings_;
};

constexpr std::string_view kGood = R"(
tests:
- name: doubles
  interval: 1m
  external_labels: {region: eu}
  external_url: http://h
  input_series:
  - {series: 'm{job="a"}', values: '1+1x10'}
  - {series: h, values: '{{schema:1 count:3 sum:4 buckets:[1 2]}} {{schema:1 count:6 sum:9 buckets:[1 2 0 3]}}'}
  promql_expr_test:
  - {expr: 'm:double', eval_time: 3m, exp_samples: [{labels: 'm:double{job="a"}', value: 8}]}
  - expr: h:copy
    eval_time: 1m
    exp_samples: [{labels: 'h:copy', histogram: '{{schema:1 count:6 sum:9 counter_reset_hint:not_reset buckets:[1 2 0 3]}}'}]
  - {expr: 'absent_metric', eval_time: 3m}
  - {expr: '1 + 1', eval_time: 3m, exp_samples: [{labels: '{}', value: 2}]}
  alert_rule_test:
  - {eval_time: 2m, alertname: High}
  - eval_time: 3m30s
    alertname: High
    exp_alerts:
    - exp_labels: {job: a, severity: a}
      exp_annotations: {summary: 8 in eu at http://h}
)";

TEST_F(RuleTestRunnerTest, PassesWhenAllIsAsExpected) {
  const RuleTestFileResult result = Run(kGood);
  EXPECT_EQ(result.error, "");
  ASSERT_EQ(result.tests.size(), 1u);
  EXPECT_THAT(result.tests[0].failures, IsEmpty());
  EXPECT_EQ(result.tests[0].name, "doubles");
  EXPECT_EQ(result.passed(), 1);
  EXPECT_EQ(result.failed(), 0);
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(RuleTestRunnerTest, TellsWhatDiffersAsPromtoolDoes) {
  const RuleTestFileResult result = Run(R"(
tests:
- input_series: [{series: 'm{job="a"}', values: 4x5}]
  promql_expr_test:
  - {expr: m, eval_time: 1m, exp_samples: [{labels: 'm{job="a"}', value: 5}, {labels: 'm', histogram: '{{count:1}}'}]}
  - {expr: 'sum(', eval_time: 1m}
  - {expr: m, eval_time: 0, exp_samples: [{labels: 'm{'}]}
  alert_rule_test:
  - {eval_time: 2m, alertname: High, exp_alerts: [{exp_labels: {x: ''}}]}
)");
  ASSERT_EQ(result.tests.size(), 1u);
  EXPECT_EQ(result.tests[0].name, "unnamed#0");
  const std::vector<std::string>& failures = result.tests[0].failures;
  ASSERT_EQ(failures.size(), 4u);
  EXPECT_EQ(failures[0],
            "    alertname: High, time: 2m, \n"
            "        exp:[\n"
            "            0:\n"
            "              Labels:{alertname=\"High\", x=\"\"}\n"
            "              Annotations:{}\n"
            "            ], \n"
            "        got:[\n"
            "            0:\n"
            "              Labels:{alertname=\"High\", job=\"a\", severity=\"a\"}\n"
            "              Annotations:{summary=\"8 in  at \"}\n"
            "            ]");
  EXPECT_EQ(failures[1],
            "    expr: \"m\", time: 1m,\n"
            "        exp: {__name__=\"m\"} {{count:1}}, {__name__=\"m\", job=\"a\"} 5E+00\n"
            "        got: {__name__=\"m\", job=\"a\"} 4E+00");
  EXPECT_THAT(failures[2], HasSubstr("expr: \"sum(\", time: 1m, err: 1:5: parse error: "));
  EXPECT_THAT(failures[3], StartsWith("    expr: \"m\", time: 0s, err: labels \"m{\": "));
}

TEST_F(RuleTestRunnerTest, DiffShowsLinesThatDiffer) {
  RuleTestOptions options;
  options.diff = true;
  const auto result = Run(R"(
tests:
- input_series: [{series: 'm{job="a"}', values: 4x5}]
  alert_rule_test: [{eval_time: 2m, alertname: High}]
)",
                          std::move(options));
  EXPECT_THAT(result.tests[0].failures,
              ElementsAre(HasSubstr("\x1b[0;32m+   Labels:{alertname=\"High\"")));
}

TEST_F(RuleTestRunnerTest, RunsOnlyTestsThatMatch) {
  RuleTestOptions options;
  options.run = *model::RegexTemplate::CompileAnywhere("b|x", "");
  const auto result = Run("tests: [{name: abc}, {name: d}, {}]", std::move(options));
  ASSERT_EQ(result.tests.size(), 1u);
  EXPECT_EQ(result.tests[0].name, "abc");
}

TEST_F(RuleTestRunnerTest, StartsWhenTold) {
  const auto result = Run(R"(
tests:
- start_timestamp: 2020-01-01T00:00:00Z
  input_series: [{series: m, values: 1x5}]
  promql_expr_test:
  - {expr: timestamp(m), eval_time: 1m, exp_samples: [{labels: '{}', value: 1577836860}]}
)");
  EXPECT_EQ(result.failed(), 0);
}

TEST_F(RuleTestRunnerTest, FuzzyComparesToTheNextNumber) {
  constexpr std::string_view kTests = R"(
tests:
- input_series: [{series: m, values: '2.9999999999999996'}]
  promql_expr_test: [{expr: m, exp_samples: [{labels: m, value: 3}]}]
)";
  EXPECT_EQ(Run(kTests).failed(), 1);
  EXPECT_EQ(Run(kTests, {}, "fuzzy_compare: true\n").failed(), 0);
}

TEST_F(RuleTestRunnerTest, GroupsGoInTheOrderGiven) {
  Write("order.yml", R"(
groups:
- {name: second, rules: [{record: b, expr: a}]}
- {name: first, rules: [{record: a, expr: m}]}
)");
  constexpr std::string_view kTests = R"(
tests:
- input_series: [{series: m, values: '1'}]
  promql_expr_test: [{expr: b, exp_samples: [{labels: b, value: 1}]}]
)";
  EXPECT_EQ(Run(kTests, {}, "rule_files: [order.yml]\n").failed(), 1);
  EXPECT_EQ(
      Run(kTests, {}, "rule_files: [order.yml]\ngroup_eval_order: [first, second]\n").failed(), 0);
}

TEST_F(RuleTestRunnerTest, ARuleThatFailsEndsTheTest) {
  Write("bad.yml", "groups: [{name: g, rules: [{record: a, expr: \"'x'\"}]}]");
  const auto result = Run("tests: [{promql_expr_test: [{expr: '1', eval_time: 5m}]}]", {},
                          "rule_files: [bad.yml]\n");
  EXPECT_THAT(result.tests[0].failures,
              ElementsAre("    rule: a, time: 0s, err: rule result is not a vector or scalar"));
}

TEST_F(RuleTestRunnerTest, WhatCannotBeReadIsToldWithItsPlace) {
  EXPECT_THAT(
      Run("tests: [{nme: x}]").error,
      HasSubstr("test.yml:2:10: unknown field \"nme\" in tests[0]; did you mean \"name\"?"));
  EXPECT_EQ(Run("tests: [{nme: x}]").failed(), 1);
  EXPECT_THAT(Run("group_eval_order: [a, a]").error,
              HasSubstr("test.yml:2:23: group name repeated in evaluation order: a"));
  EXPECT_THAT(Run("tests: [{start_timestamp: x}]").error,
              HasSubstr("cannot parse \"x\" to a valid timestamp"));
  EXPECT_THAT(Run("tests: [{alert_rule_test: [{eval_time: 5m}]}]").tests[0].failures,
              ElementsAre(HasSubstr("misses required attribute alertname at eval_time 5m")));
  EXPECT_THAT(Run("tests: [{input_series: [{series: 'm{', values: '1'}]}]").tests[0].failures,
              ElementsAre(HasSubstr("test.yml:2:25: input series \"m{\": ")));
  Run("tests: [{}]", {}, "rule_files: [none-*.yml]\n");
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("  WARNING: no file match pattern ")));
  Write("broken.yml", "groups: [{name: g, rules: [{expr: up}]}]");
  EXPECT_THAT(Run("tests: [{}, {}]", {}, "rule_files: [broken.yml]\n").failed(), 2);
  EXPECT_THAT(RuleTestRunner({}).Run("/nowhere/x.yml").error, HasSubstr("/nowhere/x.yml"));
}

TEST_F(RuleTestRunnerTest, DebugDumpsAllSeries) {
  RuleTestOptions options;
  std::string lines;
  options.debug = [&](const std::string& line) { lines += line + "\n"; };
  Run(kGood, std::move(options));
  EXPECT_THAT(lines, HasSubstr("DEBUG: Starting test doubles\n"));
  EXPECT_THAT(lines, HasSubstr("m:double{job=\"a\"} =>\n2 @[0]\n4 @[60000]\n"));
  EXPECT_THAT(lines, HasSubstr("ALERTS{alertname=\"High\", alertstate=\"pending\""));
}

TEST(RuleTestReport, WritesJunitXml) {
  RuleTestFileResult bad, good;
  bad.path = "a&b.yml";
  bad.error = "no <such> file";
  good.path = "c.yml";
  good.timestamp = "2026-08-07T10:00:00";
  good.tests = {{"one", {}}, {"two", {"x\ny"}}};
  EXPECT_EQ(
      ToJunitXml({bad, good}),
      "<testsuites><testsuite name=\"a&amp;b.yml\" tests=\"1\" failures=\"0\" errors=\"1\" "
      "skipped=\"0\" "
      "timestamp=\"\"><testcase name=\"unknown\"><error>no &lt;such&gt; "
      "file</error></testcase></testsuite>"
      "<testsuite name=\"c.yml\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\" "
      "timestamp=\"2026-08-07T10:00:00\"><testcase name=\"one\"></testcase><testcase name=\"two\">"
      "<failure>x&#xA;y</failure></testcase></testsuite></testsuites>");
}

TEST(RuleTestReport, WritesHistogramsAsOneSpan) {
  model::FloatHistogram h;
  h.schema = 2;
  h.count = 6;
  h.sum = 1.5;
  h.positive_spans = {{-1, 2}, {2, 2}};
  h.positive_buckets = {0, 1, 2, 0};
  h.hint = model::ResetHint::kGauge;
  EXPECT_EQ(TestExpression(h),
            "{{schema:2 count:6 sum:1.5 counter_reset_hint:gauge buckets:[1 0 0 2]}}");
  h.positive_spans[0].offset = 3;
  EXPECT_EQ(TestExpression(h),
            "{{schema:2 count:6 sum:1.5 counter_reset_hint:gauge offset:4 buckets:[1 0 0 2]}}");
}

}  // namespace
}  // namespace server
