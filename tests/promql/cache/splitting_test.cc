#include "promql/cache/splitting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "promql/parser.h"

namespace promql {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr int64_t kMinute = 60'000;

std::optional<Splitting> Find(std::string_view query, int64_t step_ms = 30'000) {
  const auto expr = Parse(query, {.experimental_functions = true,
                                  .extended_range_selectors = true,
                                  .binop_fill = true});
  EXPECT_TRUE(expr.ok()) << query;
  return FindSplitting(**expr, {0, 3'600'000, step_ms}, {});
}

bool Splits(std::string_view query) { return Find(query).has_value(); }

TEST(Splitting, StepsOfDashboardsStandForThemselves) {
  for (const std::string_view query :
       {"up", "up{job=\"a\"} == 0", "rate(x_total[5m])", "sum by (job) (rate(x_total[5m]))",
        "histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))", "topk(5, rate(x_total[5m]))",
        "topk(5, sum by (pod) (rate(x_total[5m])))", "sum(rate(a[5m])) / sum(rate(b[5m])) * 100",
        "a / on (job) group_left () b", "a and on (job) b", "a or b", "-a", "abs(a) + 1", "time()",
        "vector(1)", "a > bool time()", "count by (__name__) ({__name__=~\".+\"})",
        "max by (job) (a or b)", "max_over_time(sum(a)[10m:])", "avg_over_time(a[5m])",
        "a unless b", "label_replace(a, \"x\", \"$1\", \"y\", \"(.*)\")", "limit_ratio(0.1, a)",
        "sum(a and b)", "count(sum by (job) (a))", "sum(a @ 5)", "timestamp(a)", "a offset step()"}) {
    EXPECT_TRUE(Splits(query)) << query;
  }
}

TEST(Splitting, WhatHangsOnTheRangeDoesNot) {
  for (const std::string_view query :
       {"a @ start()", "a @ end()", "start()", "a + range()", "step()", "rate(a[range()])",
        "rate(a[5m] offset -range())", "max_over_time(a[10m:range()])", "sort(a)",
        "sort_by_label(a, \"x\")", "info(a)", "histogram_quantiles(a, \"q\", 0.1)"}) {
    EXPECT_FALSE(Splits(query)) << query;
  }
}

// Sums round by order, and groups come in the order of their first series, which another range may
// not have.
TEST(Splitting, SumsOfWhatComesInAnOrderOfTheRangeDoNot) {
  for (const std::string_view query :
       {"sum(sum by (job) (a))", "avg(a * on (x) b)", "sum(a or b)",
        "sum(label_replace(a, \"x\", \"$1\", \"y\", \"(.*)\"))", "stddev(topk(3, a))",
        "sum(-{__name__=~\"a|b\"})", "limitk(2, sum by (job) (a))", "quantile(0.5, a + b)",
        "sum(histogram_quantile(0.9, a))", "max_over_time(sum(max by (x) (a))[5m:])"}) {
    EXPECT_FALSE(Splits(query)) << query;
  }
  EXPECT_THAT(Find("max(sum by (job) (a))")->watch.unordered, SizeIs(1));
  EXPECT_THAT(Find("topk(1, sum by (job) (a))")->watch.unordered, SizeIs(1));
  EXPECT_THAT(Find("topk(1, rate(a[5m]))")->watch.unordered, SizeIs(0));
}

TEST(Splitting, RangesThatMayMeetWithoutTheirNamesDoNot) {
  EXPECT_FALSE(Splits("rate({__name__=~\"a|b\"}[5m])"));
  EXPECT_FALSE(Splits("rate({job=\"a\"}[5m])"));
  EXPECT_TRUE(Splits("last_over_time({job=\"a\"}[5m])"));
  EXPECT_TRUE(Splits("{job=\"a\"}"));
}

// What is the same at every step is evaluated at the first, and with it, in the reference as well, a
// parameter that is not.
TEST(Splitting, ParametersTakenFromTheFirstStepDoNot) {
  EXPECT_FALSE(Splits("topk(scalar(b), a @ 5)"));
  EXPECT_FALSE(Splits("quantile(time(), a @ 5)"));
  EXPECT_TRUE(Splits("quantile(0.5, a @ 5)"));
  EXPECT_TRUE(Splits("quantile(time(), a)"));
}

TEST(Splitting, SubqueriesWithGapsBetweenTheirWindowsDoNot) {
  EXPECT_TRUE(Find("max_over_time(a[30s:10s])", 30'000).has_value());
  EXPECT_FALSE(Find("max_over_time(a[30s:10s])", 31'000).has_value());
  EXPECT_TRUE(Find("max_over_time(a[30s:10s] @ 100)", 31'000).has_value());
  EXPECT_FALSE(Splits("max_over_time(max_over_time(a[30s:10s])[5m:31s])"));
}

void ExpectReach(std::string_view query, int64_t back_ms, int64_t ahead_ms) {
  const auto splitting = Find(query);
  ASSERT_TRUE(splitting.has_value()) << query;
  EXPECT_EQ(splitting->reach.back_ms, back_ms) << query;
  EXPECT_EQ(splitting->reach.ahead_ms, ahead_ms) << query;
}

TEST(Splitting, ReachIsThatOfAllSelectorsTogether) {
  ExpectReach("time()", Reach::kNowhere, Reach::kNowhere);
  ExpectReach("a", 5 * kMinute, 0);
  ExpectReach("rate(a[7m])", 7 * kMinute, 0);
  ExpectReach("rate(a[7m] offset 1m)", 8 * kMinute, -kMinute);
  ExpectReach("rate(a[7m] offset -10m)", -3 * kMinute, 10 * kMinute);
  ExpectReach("rate(a[7m]) + b offset -1m", 7 * kMinute, kMinute);
  ExpectReach("rate(a[7m] anchored)", 12 * kMinute, 0);
  ExpectReach("rate(a[7m] smoothed)", 12 * kMinute, 5 * kMinute);
  ExpectReach("a smoothed", 5 * kMinute, 5 * kMinute);
  ExpectReach("max_over_time(rate(a[7m])[10m:1m] offset 2m)", 19 * kMinute, -2 * kMinute);
  ExpectReach("max_over_time(a[10m:1m] offset -20m)", -5 * kMinute, 20 * kMinute);
  ExpectReach("a offset (step() * 2)", 6 * kMinute, -kMinute);
}

TEST(Splitting, AtsAreFixed) {
  const auto splitting = Find("a + max_over_time(b[10m:1m] @ 1000) + rate(c[1m] @ 50 offset 1m)");
  ASSERT_TRUE(splitting.has_value());
  EXPECT_THAT(splitting->reach.fixed,
              ElementsAre(model::TimeRange{1'000'000 - 15 * kMinute, 1'000'000},
                          model::TimeRange{50'000 - 2 * kMinute, 50'000 - kMinute}));
  EXPECT_EQ(splitting->reach.back_ms, 5 * kMinute);
}

}  // namespace
}  // namespace promql
