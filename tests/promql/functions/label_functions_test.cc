#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "promql/functions/natural_order.h"
#include "tests/promql/functions/rows.h"

namespace promql {
namespace {

using model::Labels;

std::vector<OperatorPtr> Input(const Expr& call, std::vector<TestSeries> series) {
  std::vector<OperatorPtr> args(call.args.size());
  args[0] = MakeRows(std::move(series), 1);
  return args;
}

// The labels after `text` is applied to one series.
std::string Relabelled(const std::string& text, const Labels& labels) {
  TestQuery query(text);
  const auto got = query.Run(Input(query.expr(), {{labels, {1}}}));
  if (!got.ok()) return std::string(got.status().message());
  return got->at(0).labels.ToString();
}

const Labels kApi{{"__name__", "up"}, {"host", "web-1.eu:90"}, {"job", "api"}};

TEST(LabelReplace, ExpandsGroups) {
  EXPECT_EQ(Relabelled(R"q(label_replace(x, "n", "$1", "host", "web-(\\d+).*"))q", kApi),
            R"q({__name__="up", host="web-1.eu:90", job="api", n="1"})q");
  EXPECT_EQ(Relabelled(R"q(label_replace(x, "n", "${a}-$2$$", "host", "(?P<a>\\w+)-(\\d).*"))q",
                       Labels{{"host", "web-1"}}),
            R"q({host="web-1", n="web-1$"})q");
}

TEST(LabelReplace, LeavesSeriesThatDoNotMatchWhole) {
  EXPECT_EQ(Relabelled(R"q(label_replace(x, "n", "y", "host", "web"))q", kApi), kApi.ToString());
  EXPECT_EQ(Relabelled(R"q(label_replace(x, "n", "y", "absent", ""))q", Labels{{"a", "b"}}),
            R"q({a="b", n="y"})q");
}

TEST(LabelReplace, RemovesALabelThatComesOutEmpty) {
  EXPECT_EQ(Relabelled(R"q(label_replace(x, "job", "$3", "host", "(.*)"))q", kApi),
            R"q({__name__="up", host="web-1.eu:90"})q");
}

TEST(LabelReplace, RefusesBadNamesAndExpressions) {
  EXPECT_EQ(Relabelled(R"q(label_replace(x, "", "", "host", "(.*)"))q", kApi),
            "invalid destination label name in label_replace(): ");
  EXPECT_EQ(Relabelled(R"q(label_replace(x, "a", "", "host", "(.*"))q", kApi),
            "invalid regular expression in label_replace(): (.*");
}

TEST(LabelReplace, MergesSeriesThatMeetWhereTheirStepsDiffer) {
  TestQuery query(R"q(label_replace(x, "a", "", "a", ".*"))q", 3);
  const auto got = query.Run(Input(
      query.expr(),
      {{Labels{{"a", "1"}}, {1, {}, {}}}, {Labels{{"b", "2"}}, {7, 7, 7}},
       {Labels{{"a", "2"}}, {{}, {}, 3}}}));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_THAT(*got, testing::UnorderedElementsAre(
                        TestSeries{Labels{{"b", "2"}}, {7, 7, 7}},
                        TestSeries{Labels{}, {1, std::nullopt, 3}}));
}

TEST(LabelReplace, RefusesSeriesThatMeetAtAStep) {
  TestQuery query(R"q(label_replace(x, "a", "", "a", ".*"))q", 2);
  const auto got = query.Run(
      Input(query.expr(), {{Labels{{"a", "1"}}, {1, 2}}, {Labels{{"a", "2"}}, {{}, 3}}}));
  EXPECT_EQ(got.status().message(), "vector cannot contain metrics with the same labelset");
  EXPECT_EQ(got.status().code(), absl::StatusCode::kAborted);
}

TEST(LabelJoin, JoinsValuesEmptyOnesToo) {
  EXPECT_EQ(Relabelled(R"q(label_join(x, "j", "-", "job", "none", "host"))q", kApi),
            R"q({__name__="up", host="web-1.eu:90", j="api--web-1.eu:90", job="api"})q");
  EXPECT_EQ(Relabelled(R"q(label_join(x, "job", "-"))q", kApi),
            R"q({__name__="up", host="web-1.eu:90"})q");
}

TEST(LabelJoin, RefusesBadNames) {
  EXPECT_EQ(Relabelled(R"q(label_join(x, "", "-", "job"))q", kApi),
            "invalid destination label name in label_join(): ");
  EXPECT_EQ(Relabelled(R"q(label_join(x, "a", "-", ""))q", kApi),
            "invalid source label name in label_join(): ");
}

TEST(Sort, OrdersAnInstantResultWithNanLast) {
  for (const auto& [name, want] :
       {std::pair{"sort", std::vector<double>{1, 2, 3, kNanShown}},
        std::pair{"sort_desc", std::vector<double>{3, 2, 1, kNanShown}}}) {
    TestQuery query(fmt::format("{}(x)", name));
    const auto got = query.Run(Input(query.expr(), {{Labels{{"a", "1"}}, {2}},
                                                    {Labels{{"a", "2"}}, {0.0 / 0.0}},
                                                    {Labels{{"a", "3"}}, {std::nullopt}},
                                                    {Labels{{"a", "4"}}, {3}},
                                                    {Labels{{"a", "5"}}, {1}}}));
    ASSERT_TRUE(got.ok()) << got.status();
    std::vector<double> values;
    for (const TestSeries& series : *got) values.push_back(*series.values[0]);
    EXPECT_EQ(values, want) << name;
    EXPECT_TRUE(query.TakeAnnotations().empty());
  }
}

TEST(Sort, PassesRangesThroughAndWarns) {
  TestQuery call("sort(x)", 2);
  const std::vector<TestSeries> series = {{Labels{{"a", "1"}}, {2, 2}},
                                          {Labels{{"a", "2"}}, {1, 1}}};
  const auto got = call.Run(Input(call.expr(), series));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(*got, series);
  EXPECT_THAT(call.TakeAnnotations(),
              testing::ElementsAre("PromQL warning: sort is ineffective for range queries since "
                                   "results are always ordered by labels (1:1)"));
}

TEST(SortByLabel, ComparesNumbersInNamesAsNumbers) {
  TestQuery query(R"q(sort_by_label(x, "dev", "job"))q");
  const auto series = [](std::string_view dev, std::string_view job) {
    return TestSeries{Labels{{"dev", dev}, {"job", job}}, {1}};
  };
  const auto got = query.Run(Input(
      query.expr(), {series("eth10", "a"), series("eth2", "b"), series("eth2", "a10"),
                     series("eth2", "a9"), series("", "z")}));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_THAT(*got, testing::ElementsAre(series("", "z"), series("eth2", "a9"),
                                         series("eth2", "a10"), series("eth2", "b"),
                                         series("eth10", "a")));
}

TEST(NaturalOrder, GoesByRunsOfDigits) {
  EXPECT_TRUE(CompareNaturally("4m5", "4m600") < 0);
  EXPECT_TRUE(CompareNaturally("1.11.3", "1.2.3") > 0);
  EXPECT_TRUE(CompareNaturally("a01", "a1") == 0);
  EXPECT_TRUE(CompareNaturally("a", "a1") < 0);
  EXPECT_TRUE(CompareNaturally("1", "a") < 0);
  // Numbers too long to be numbers are text.
  EXPECT_TRUE(CompareNaturally("99999999999999999999", "100000000000000000000") > 0);
}

}  // namespace
}  // namespace promql
