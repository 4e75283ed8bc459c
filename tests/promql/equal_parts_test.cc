// Parts that stand in a query more than once: evaluated once, told by explain=analyze.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "promql/analysis.h"
#include "promql/parser.h"
#include "promql/plan.h"
#include "storage/base/status.h"
#include "tests/promql/engine_fixture.h"

namespace promql {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class EqualPartsTest : public EngineFixture {
 protected:
  EqualPartsTest() {
    query_options_.analyze = true;
    for (const char* x : {"1", "2", "3"}) Load(fmt::format("m{{x=\"{}\"}}", x), "0+1x20");
  }

  // "expression: 2 with 4" for each node that took what another evaluated, and "expression: 4" for
  // those that were evaluated and are equal to others.
  std::vector<std::string> Shared(std::string_view query, Grid grid = {0, 600'000, 60'000}) {
    const auto result = Run(query, grid);
    if (!result.ok()) return {std::string(result.status().message())};
    std::vector<std::string> out;
    const std::function<void(const NodeReport&)> add = [&](const NodeReport& node) {
      if (node.shared_with != 0) {
        out.push_back(fmt::format("{}: {} with {}", node.expression, node.number, node.shared_with));
        EXPECT_THAT(node.inputs, IsEmpty());
      }
      for (const NodeReport& input : node.inputs) add(input);
    };
    add(*result->analysis);
    return out;
  }
};

TEST_F(EqualPartsTest, AreEvaluatedOnce) {
  EXPECT_THAT(Shared("rate(m[5m]) / (rate(m[5m]) + 1)"), ElementsAre("rate(m[5m]): 2 with 4"));
  EXPECT_THAT(Shared("sum(rate(m[5m])) / sum((rate(m[5m])))"),
              ElementsAre("sum(rate(m[5m])): 2 with 3"));
  // However it is written, and several at a time; the inner one is part of the outer, too.
  EXPECT_THAT(Shared("rate(m[5m])+on(x) sum  by(x)(rate(m[300s])) + on (x) sum by (x) (rate(m[5m]))"),
              ElementsAre("rate(m[5m]): 3 with 6", "sum by (x) (rate(m[5m])): 4 with 5"));
  EXPECT_THAT(Shared("abs(m) - abs(m)", {0, 0, 0}), ElementsAre("abs(m): 2 with 3"));
  EXPECT_THAT(Shared("sum(m @ 60) - sum(m @ 60)"), ElementsAre("sum(m @ 60.000): 3 with 4"));
  EXPECT_THAT(Shared("max_over_time(sum(m)[5m:1m]) - min_over_time(sum(m)[5m:1m])"),
              ElementsAre("sum(m): 4 with 7"));
}

TEST_F(EqualPartsTest, AreOfOneGridAndWorthHolding) {
  for (const char* query : {
           "m / m",                                    // A selector is read by both.
           "time() - time()",
           "rate(m[5m]) / rate(m[4m])",
           "rate(m[5m]) / rate(m[5m] offset 1m)",
           "rate(m[5m]) / increase(m[5m])",
           "sum(m) / sum without (x) (m)",
           "(m > bool 1) + (m > 1)",
           "sum(m) - on () group_left () max_over_time(sum(m)[5m:30s])",
           "sum(m) + sum(m @ 60)",
           "absent(m{y='1'}) or absent(m{y='2'})",
           "label_replace(m, 'a', 'b', '', '') or label_replace(m, 'a', 'c', '', '')",
           "(m + on (x) m) + (m + ignoring (y) m)",
       }) {
    EXPECT_THAT(Shared(query), IsEmpty()) << query;
  }
}

TEST_F(EqualPartsTest, CountAsOftenAsTheyStandInTheQuery) {
  const auto once = Run("rate(m[5m])", {0, 600'000, 60'000});
  const auto twice = Run("rate(m[5m]) * rate(m[5m])", {0, 600'000, 60'000});
  ASSERT_TRUE(once.ok() && twice.ok());
  EXPECT_GT(once->stats.samples, 0);
  EXPECT_EQ(twice->stats.samples, 2 * once->stats.samples);
  EXPECT_EQ(twice->stats.samples_read, 2 * once->stats.samples_read);
}

TEST_F(EqualPartsTest, CountWhereTheyStandAndNotAboveIt) {
  const auto result = Run("sum(rate(m[5m])) / sum(rate(m[5m]))", {300'000, 600'000, 60'000});
  ASSERT_TRUE(result.ok());
  const NodeReport& root = *result->analysis;
  EXPECT_EQ(root.samples, 0);
  EXPECT_EQ(root.inputs[0].samples, result->stats.samples / 2);
  EXPECT_EQ(root.inputs[1].samples, 0);
  EXPECT_EQ(root.inputs[1].inputs[0].samples, result->stats.samples / 2);
}

TEST_F(EqualPartsTest, SpeakOfTheirLastPlace) {
  for (const bool share : {true, false}) {
    SCOPED_TRACE(share);
    Engine::Options options;
    options.share_equal_parts = share;
    Reset(options);
    const Grid grid{300'000, 600'000, 60'000};
    const auto result = Run("rate(m[5m]) + rate(m[5m])", grid);
    const auto topk = Run("topk(1 + scalar(sum(rate(m[5m]))), vector(1) or sum(rate(m[5m])))", grid);
    ASSERT_TRUE(result.ok() && topk.ok());
    EXPECT_THAT(topk->annotations.infos,
                ElementsAre("PromQL info: metric might not be a counter, name does not end in "
                            "_total/_sum/_count/_bucket: \"m\" (1:58)"));
    EXPECT_THAT(result->annotations.infos,
                ElementsAre("PromQL info: metric might not be a counter, name does not end in "
                            "_total/_sum/_count/_bucket: \"m\" (1:20)"));
  }
}

// What would be too much to hold passes row by row, as often as it is asked for.
TEST_F(EqualPartsTest, AreNotHeldWhenTheyAreMany) {
  for (int i = 0; i < 200; ++i) Load(fmt::format("n{{x=\"{}\"}}", i), "0+1x20");
  const std::string query = "sum(rate(n[5m])) + count(rate(n[5m]))";
  const auto expected = Run(query, {0, 600'000, 60'000});
  EXPECT_THAT(Shared(query), ElementsAre("rate(n[5m]): 3 with 5"));
  Engine::Options options;
  options.max_samples = 1000;
  Reset(options);
  EXPECT_THAT(Shared(query), IsEmpty());
  const auto actual = Run(query, {0, 600'000, 60'000});
  ASSERT_TRUE(expected.ok() && actual.ok());
  EXPECT_EQ(actual->stats.samples, expected->stats.samples);
  ASSERT_EQ(actual->value.matrix.size(), 1u);
  EXPECT_EQ(actual->value.matrix[0].points.size(), expected->value.matrix[0].points.size());
  EXPECT_LE(actual->stats.peak_samples, 100);
}

// Series that match nothing are left out where no reader looks at them.
TEST_F(EqualPartsTest, LeaveOutWhatNoneLooksAt) {
  for (int i = 0; i < 50; ++i) Load(fmt::format("n_total{{x=\"{}\"}}", i), "0+1x20");
  const Grid grid{300'000, 600'000, 60'000};
  const auto one = Run("rate(n_total{x=\"1\"}[5m])", grid);
  const auto both = Run(
      "(rate(n_total[5m]) and rate(n_total[5m])) * on (x) rate(n_total{x=\"1\"}[5m])", grid);
  ASSERT_TRUE(one.ok() && both.ok());
  EXPECT_EQ(both->stats.samples, 3 * one->stats.samples);
}

}  // namespace
}  // namespace promql
