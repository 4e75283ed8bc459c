#include "server/rules/rule_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "promql/printer.h"
#include "storage/base/status.h"

namespace server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::string ErrorOf(std::string_view text, RuleFileOptions options = {}) {
  return std::string(base::message(ParseRuleFile(text, "r.yml", options).status()));
}

TEST(RuleFile, ReadsEveryField) {
  const auto file = ParseRuleFile(R"(
groups:
- name: g
  interval: 30s
  query_offset: 5s
  limit: 10
  labels: {team: a, x: y}
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
    labels: {x: z, empty: ""}
  - alert: Down
    expr: up == 0
    for: 5m
    keep_firing_for: 1m
    labels: {severity: "{{ $labels.job }}"}
    annotations: {summary: "{{ $value }}"}
- name: empty
)",
                                  "dir/r.yml");
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->groups.size(), 2u);
  EXPECT_EQ(file->num_rules(), 2u);
  const RuleGroupConfig& g = file->groups[0];
  EXPECT_EQ(g.name, "g");
  EXPECT_EQ(g.file, "dir/r.yml");
  EXPECT_EQ(g.interval_ms, 30'000);
  EXPECT_EQ(g.query_offset_ms, 5'000);
  EXPECT_EQ(g.limit, 10);
  EXPECT_EQ(g.rules[0].record, "job:up:sum");
  EXPECT_EQ(promql::ToString(*g.rules[0].expr), "sum by (job) (up)");
  EXPECT_THAT(Merged(g.labels, g.rules[0].labels),
              ElementsAre(Pair("empty", ""), Pair("team", "a"), Pair("x", "z")));
  EXPECT_EQ(g.rules[1].name(), "Down");
  EXPECT_EQ(g.rules[1].for_ms, 300'000);
  EXPECT_EQ(g.rules[1].keep_firing_for_ms, 60'000);
  EXPECT_THAT(g.rules[1].annotations, ElementsAre(Pair("summary", "{{ $value }}")));
  EXPECT_EQ(file->groups[1].query_offset_ms, std::nullopt);
  EXPECT_EQ(ParseRuleFile("", "r.yml")->num_rules(), 0u);
  EXPECT_EQ(ParseRuleFile("groups:", "r.yml")->num_rules(), 0u);
}

TEST(RuleFile, TellsEverythingThatIsWrongAndWhere) {
  EXPECT_EQ(ErrorOf(R"(groups:
- name: g
  rules:
  - record: a{b}
    expr: up +
    for: 5m
  - alert: A
    record: b
    expr: up
  - expr: 1
  - alert: B
    annotations: {a: "{{ if }}"}
    labels: {__name__: x}
    expr: ""
- name: g
- rules: []
)"),
            "r.yml:4:13: group \"g\", rule 1, \"a{b}\": braces present in the recording rule name; "
            "should it "
            "be in expr?: a{b}\n"
            "r.yml:5:11: group \"g\", rule 1, \"a{b}\": could not parse expression: 1:5: parse "
            "error: unexpected "
            "end of input\n"
            "r.yml:6:10: group \"g\", rule 1, \"a{b}\": invalid field 'for' in recording rule\n"
            "r.yml:8:13: group \"g\", rule 2, \"A\": only one of 'record' and 'alert' must be set\n"
            "r.yml:10:5: group \"g\", rule 3, \"\": one of 'record' or 'alert' must be set\n"
            "r.yml:12:22: group \"g\", rule 4, \"B\": annotation \"a\": template: __alert_B:1: "
            "missing value for "
            "if\n"
            "r.yml:13:14: group \"g\", rule 4, \"B\": invalid label name: __name__\n"
            "r.yml:14:11: group \"g\", rule 4, \"B\": field 'expr' must be set in rule\n"
            "r.yml:15:3: groupname: \"g\" is repeated in the same file\n"
            "r.yml:16:3: Groupname must not be empty");
}

TEST(RuleFile, RefusesUnknownFieldsUnlessTold) {
  constexpr std::string_view kText = "groups: [{name: g, rulse: []}]\nextra: 1\n";
  EXPECT_EQ(ErrorOf(kText),
            "r.yml:1:20: unknown field \"rulse\" in groups[0]; did you mean \"rules\"?\n"
            "r.yml:2:1: unknown field \"extra\" in the configuration");
  EXPECT_EQ(ErrorOf(kText, {.ignore_unknown_fields = true}), "");
  EXPECT_THAT(ErrorOf("groups: [{name: g, interval: x}]", {.ignore_unknown_fields = true}),
              HasSubstr("not a valid duration"));
}

TEST(RuleFile, NamesAreUtf8OrByTheOldRule) {
  constexpr std::string_view kText =
      "groups: [{name: g, labels: {\"a.b\": x}, rules: [{record: \"m.n\", expr: up}]}]";
  EXPECT_EQ(ErrorOf(kText), "");
  EXPECT_THAT(ErrorOf(kText, {.legacy_names = true}),
              HasSubstr("invalid recording rule name: m.n"));
  EXPECT_THAT(ErrorOf(kText, {.legacy_names = true}), HasSubstr("invalid label name: a.b"));
}

TEST(RuleFile, ExperimentalFunctionsNeedTheirFeature) {
  constexpr std::string_view kText =
      "groups: [{name: g, rules: [{record: m, expr: \"sort_by_label(up, 'a')\"}]}]";
  EXPECT_THAT(ErrorOf(kText), HasSubstr("could not parse expression"));
  EXPECT_EQ(ErrorOf(kText, {.features = {.experimental_functions = true}}), "");
}

TEST(RuleFile, TextsShowEmptyValues) {
  EXPECT_EQ(ToString(LabelTexts{{"a", "x\"y"}, {"b.c", ""}}), R"({a="x\"y", "b.c"=""})");
}

}  // namespace
}  // namespace server
