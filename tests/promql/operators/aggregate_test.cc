#include "tests/promql/engine_fixture.h"

namespace promql {
namespace {

class AggregateTest : public EngineFixture {};

TEST_F(AggregateTest, FoldsIntoGroups) {
  Load("m{a=\"1\", b=\"x\"}", "1");
  Load("m{a=\"1\", b=\"y\"}", "3");
  Load("m{a=\"2\", b=\"x\"}", "NaN");
  EXPECT_EQ(Instant("sum by (a) (m)"), "{a=\"1\"} 4\n{a=\"2\"} NaN\n");
  EXPECT_EQ(Instant("avg without (a) (m{a=\"1\"})"), "{b=\"x\"} 1\n{b=\"y\"} 3\n");
  EXPECT_EQ(Instant("min(m)"), "{} 1\n");
  EXPECT_EQ(Instant("max(m)"), "{} 3\n");
  EXPECT_EQ(Instant("count by (nope) (m)"), "{} 3\n");
  EXPECT_EQ(Instant("group(m)"), "{} 1\n");
  EXPECT_EQ(Instant("stdvar(m{a=\"1\"})"), "{} 1\n");
  EXPECT_EQ(Instant("stddev(m)"), "{} NaN\n");
  EXPECT_EQ(Instant("sum(nothing)"), "");
  EXPECT_EQ(Instant("count by (__name__) (m)"), "{__name__=\"m\"} 3\n");
  EXPECT_EQ(Instant("count by (__name__, a) (-m)"), "{a=\"1\"} 2\n{a=\"2\"} 1\n");
}

TEST_F(AggregateTest, SumsAreCompensatedAndAveragesDoNotOverflow) {
  Load("m{i=\"1\"}", "1e100");
  Load("m{i=\"2\"}", "1");
  Load("m{i=\"3\"}", "-1e100");
  EXPECT_EQ(Instant("sum(m)"), "{} 1\n");
  Load("big{i=\"1\"}", "1.7e308");
  Load("big{i=\"2\"}", "1.7e308");
  EXPECT_EQ(Instant("sum(big)"), "{} +Inf\n");
  EXPECT_EQ(Instant("avg(big) == bool 1.7e308"), "{} 1\n");
}

TEST_F(AggregateTest, StepsWithoutMembersAreAbsent) {
  Load("m{i=\"1\"}", "1 stale 3");
  Load("m{i=\"2\"}", "1 stale stale");
  EXPECT_EQ(Range("sum(m)", 0, 120, 60), "{} 2@0 3@120\n");
  EXPECT_EQ(Range("count(m)", 0, 120, 60), "{} 2@0 1@120\n");
  EXPECT_EQ(Range("sum(m == 7)", 0, 120, 60), "");
}

TEST_F(AggregateTest, CountValuesCountsTexts) {
  Load("m{a=\"1\"}", "1");
  Load("m{a=\"2\"}", "1");
  Load("m{a=\"3\"}", "0.5");
  EXPECT_EQ(Instant("count_values(\"v\", m)"), "{v=\"1\"} 2\n{v=\"0.5\"} 1\n");
  EXPECT_EQ(Instant("count_values without (a) (\"a\", m)"), "{} 3\n");
  EXPECT_EQ(Instant("count_values by (a) (\"a\", m)"), "{a=\"1\"} 2\n{a=\"0.5\"} 1\n");
}

TEST_F(AggregateTest, RanksChooseAtEveryStep) {
  Load("m{a=\"1\"}", "1 5 3");
  Load("m{a=\"2\"}", "2 4 stale");
  Load("m{a=\"3\"}", "NaN NaN NaN");
  EXPECT_EQ(Range("topk(1, m)", 0, 120, 60),
            "{__name__=\"m\", a=\"1\"} 5@60 3@120\n{__name__=\"m\", a=\"2\"} 2@0\n");
  EXPECT_EQ(Range("bottomk(2, m)", 0, 120, 60),
            "{__name__=\"m\", a=\"1\"} 1@0 5@60 3@120\n{__name__=\"m\", a=\"2\"} 2@0 4@60\n"
            "{__name__=\"m\", a=\"3\"} NaN@120\n");
  EXPECT_EQ(Range("topk(scalar(m{a=\"2\"}) - 2, m)", 0, 60, 60),
            "{__name__=\"m\", a=\"1\"} 5@60\n{__name__=\"m\", a=\"2\"} 4@60\n");
  EXPECT_EQ(Range("quantile(0.5, m)", 0, 120, 60), "{} 1@0 4@60 NaN@120\n");
}

TEST_F(AggregateTest, LimitsPassSomeSeriesAsTheyAre) {
  Load("m{a=\"1\"}", "stale 1 1");
  Load("m{a=\"2\"}", "2 2 2");
  Load("m{a=\"3\"}", "3 3 3");
  EXPECT_EQ(Range("limitk(1, m)", 0, 120, 60),
            "{__name__=\"m\", a=\"1\"} 1@60 1@120\n{__name__=\"m\", a=\"2\"} 2@0\n");
  EXPECT_EQ(Range("limitk(scalar(m{a=\"3\"}) - 2, m) by (a)", 0, 60, 60),
            Range("m", 0, 60, 60));
  EXPECT_EQ(Instant("limitk(0, m)"), "");
  EXPECT_EQ(Instant("limitk(NaN, m)"), "error: Parameter value is NaN\n");
  EXPECT_EQ(Range("limit_ratio(1, m)", 0, 60, 60), Range("m", 0, 60, 60));
  EXPECT_EQ(Instant("limit_ratio(0, m)"), "");
  EXPECT_EQ(Instant("limit_ratio(NaN, m)"), "error: Ratio value is NaN\n");
  EXPECT_EQ(Instant("limit_ratio(1.5, m)", 60),
            Instant("m", 60) + "PromQL warning: ratio value should be between -1 and 1, got 1.5, "
                               "capping to 1 (1:13)\n");
  for (const char* r : {"0.1", "0.3", "0.7"}) {  // The two complement each other.
    EXPECT_EQ(Range(fmt::format("limit_ratio({}, m) or limit_ratio({} - 1, m)", r, r), 0, 60, 60),
              Range("m", 0, 60, 60));
    EXPECT_EQ(Range(fmt::format("limit_ratio({}, m) and limit_ratio({} - 1, m)", r, r), 0, 60, 60),
              "");
  }
}

TEST_F(AggregateTest, WideGridsFold) {
  for (int i = 0; i < 10; ++i) Load(fmt::format("m{{i=\"{}\"}}", i), "1x299", 15);
  const auto result = Run("sum(m)", {0, 299 * 15'000, 15'000});
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->value.matrix[0].points.size(), 300u);
  for (const model::Sample& p : result->value.matrix[0].points) EXPECT_EQ(p.v, 10);
}

}  // namespace
}  // namespace promql
