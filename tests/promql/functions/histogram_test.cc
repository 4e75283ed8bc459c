#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/promql/functions/rows.h"

namespace promql {
namespace {

TestSeries Buckets(std::string_view job, std::string_view le,
                   std::vector<std::optional<double>> values) {
  return {model::Labels{{"__name__", "h_bucket"}, {"job", job}, {"le", le}}, std::move(values)};
}

std::vector<TestSeries> Two() {
  // Two histograms whose series alternate.
  return {Buckets("a", "+Inf", {20, 20}), Buckets("a", "1", {10, {}}), Buckets("a", "2", {20, 20}),
          Buckets("b", "+Inf", {4, {}}), Buckets("b", "1", {0, {}}), Buckets("b", "2", {4, {}})};
}

std::vector<OperatorPtr> Args(std::vector<double> q, std::vector<TestSeries> series) {
  std::vector<OperatorPtr> args;
  args.push_back(MakeScalarRow(std::move(q)));
  args.push_back(MakeRows(std::move(series)));
  return args;
}

TEST(HistogramQuantile, GroupsByAllLabelsButLe) {
  TestQuery query("histogram_quantile(0.75, h_bucket)", 2);
  const auto got = query.Run(Args({0.75, 0.5}, Two()));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_THAT(*got,
              testing::ElementsAre(
                  TestSeries{{{"__name__", "h_bucket"}, {"job", "a"}}, {1.5, 1}},
                  TestSeries{{{"__name__", "h_bucket"}, {"job", "b"}}, {1.75, std::nullopt}}));
  EXPECT_TRUE(query.TakeAnnotations().empty());
  EXPECT_EQ(query.samples_left(), 1'000'000) << "what was charged is given back";
}

TEST(HistogramQuantile, WarnsOfBoundsThatAreNoNumbers) {
  TestQuery query("histogram_quantile(0.5, h)");
  auto series = std::vector<TestSeries>{
      Buckets("a", "+Inf", {4}), Buckets("a", "1", {2}), Buckets("a", "many", {2}),
      {model::Labels{{"__name__", "h"}, {"job", "b"}}, {1}},
      Buckets("c", "gone", {std::nullopt})};
  const auto got = query.Run(Args({0.5}, series));
  ASSERT_TRUE(got.ok()) << got.status();
  ASSERT_EQ(got->size(), 1u);
  EXPECT_THAT(query.TakeAnnotations(),
              testing::ElementsAre("PromQL warning: bucket label \"le\" is missing or has a "
                                   "malformed value of \"many\" (1:25)",
                                   "PromQL warning: bucket label \"le\" is missing or has a "
                                   "malformed value of \"\" (1:25)"));
}

TEST(HistogramQuantile, NamesTheMetricWhileTheNameIsKept) {
  TestQuery query("histogram_quantile(0.5, h)");
  query.context().delayed_name_removal = true;
  ASSERT_TRUE(query.Run(Args({0.5}, {Buckets("a", "many", {2})})).ok());
  EXPECT_THAT(query.TakeAnnotations(),
              testing::ElementsAre("PromQL warning: bucket label \"le\" is missing or has a "
                                   "malformed value of \"many\" for metric name \"h_bucket\" "
                                   "(1:25)"));
}

TEST(HistogramQuantile, WarnsOfWhatIsNoQuantileEvenWithoutData) {
  TestQuery query("histogram_quantile(-1, (h))", 2);
  ASSERT_TRUE(query.Run(Args({-1, 2}, {})).ok());
  EXPECT_THAT(
      query.TakeAnnotations(),
      testing::ElementsAre(
          "PromQL warning: quantile value should be between 0 and 1, got -1 (1:20)",
          "PromQL warning: quantile value should be between 0 and 1, got 2 (1:20)"));
}

TEST(HistogramQuantile, TellsOnceOfAllCountsItRaised) {
  TestQuery query("histogram_quantile(0.5, h_bucket)", 2, 1'700'000'000'000);
  ASSERT_TRUE(query
                  .Run(Args({0.5, 0.5}, {Buckets("a", "+Inf", {20, 20}), Buckets("a", "1", {10, 10}),
                                         Buckets("a", "2", {8, 7})}))
                  .ok());
  EXPECT_THAT(query.TakeAnnotations(),
              testing::ElementsAre(
                  "PromQL info: input to histogram_quantile needed to be fixed for monotonicity "
                  "(see https://prometheus.io/docs/prometheus/latest/querying/functions/"
                  "#histogram_quantile), from buckets 2 to 2, with a max diff of 3, over 2 samples "
                  "from 2023-11-14T22:13:20Z to 2023-11-14T22:14:20Z (1:25)"));
}

TEST(HistogramQuantile, FillsNoMoreThanATileAtATime) {
  constexpr int kSteps = 4000;
  std::vector<TestSeries> series;
  for (int job = 0; job < 10; ++job) {
    for (const char* le : {"+Inf", "1"}) {
      series.push_back(Buckets(fmt::format("{}", job), le,
                               std::vector<std::optional<double>>(kSteps, 10)));
    }
  }
  TestQuery query("histogram_quantile(0.5, h_bucket)", kSteps);
  auto args = Args(std::vector<double>(kSteps, 0.5), series);
  auto op = MakeFunctionOperator(query.expr(), std::move(args));
  ASSERT_TRUE(op.ok());
  // The groups, and every series: it may turn out to hold native histograms.
  ASSERT_EQ((*op)->Series(query.context())->size(), 10u + series.size());
  Tile tile;
  int rows = 0;
  while (*(*op)->Next(query.context(), &tile)) {
    EXPECT_LE(tile.size(), 3);
    rows += tile.size();
  }
  EXPECT_EQ(rows, 10);
}

TEST(HistogramQuantiles, AddsALabelForEachQuantile) {
  TestQuery query("histogram_quantiles(h, \"q\", 0.5, 1, 1.5)");
  std::vector<OperatorPtr> args;
  args.push_back(MakeRows({Buckets("a", "+Inf", {20}), Buckets("a", "2", {20})}));
  args.push_back(nullptr);
  for (const double q : {0.5, 1.0, 1.5}) args.push_back(MakeScalarRow({q}));
  const auto got = query.Run(std::move(args));
  ASSERT_TRUE(got.ok()) << got.status();
  const auto labels = [](std::string_view q) {
    return model::Labels{{"__name__", "h_bucket"}, {"job", "a"}, {"q", q}};
  };
  EXPECT_THAT(*got, testing::ElementsAre(TestSeries{labels("0.5"), {1}},
                                         TestSeries{labels("1.0"), {2}},
                                         TestSeries{labels("1.5"), {1 / 0.0}}));
  EXPECT_EQ(query.TakeAnnotations().size(), 1u);
}

TEST(HistogramFraction, TakesItsBoundsAtEachStep) {
  TestQuery query("histogram_fraction(0, 1, h_bucket)", 2);
  std::vector<OperatorPtr> args;
  args.push_back(MakeScalarRow({0, 1}));
  args.push_back(MakeScalarRow({1, 2}));
  args.push_back(MakeRows({Buckets("a", "+Inf", {20, 20}), Buckets("a", "1", {5, 5}),
                           Buckets("a", "2", {15, 15})}));
  const auto got = query.Run(std::move(args));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_THAT(*got, testing::ElementsAre(
                        TestSeries{{{"__name__", "h_bucket"}, {"job", "a"}}, {0.25, 0.5}}));
}

TEST(NativeHistogramFunctions, GiveNothingForFloats) {
  for (const char* name : {"histogram_count", "histogram_sum", "histogram_avg",
                           "histogram_stddev", "histogram_stdvar"}) {
    TestQuery query(fmt::format("{}(x)", name));
    std::vector<OperatorPtr> args;
    args.push_back(MakeRows({{{}, {1}}}));
    const auto got = query.Run(std::move(args));
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_TRUE(got->empty());
  }
}

}  // namespace
}  // namespace promql
