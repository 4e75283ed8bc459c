#include "tests/promql/engine_fixture.h"

namespace promql {
namespace {

class JoinTest : public EngineFixture {};

TEST_F(JoinTest, MatchesOneToOneOnAllLabelsButTheName) {
  Load("a{i=\"1\"}", "6");
  Load("a{i=\"2\"}", "7");
  Load("b{i=\"1\"}", "2");
  EXPECT_EQ(Instant("a / b"), "{i=\"1\"} 3\n");
  EXPECT_EQ(Instant("a > b"), "{__name__=\"a\", i=\"1\"} 6\n");
  EXPECT_EQ(Instant("a < b"), "");
  EXPECT_EQ(Instant("a < bool b"), "{i=\"1\"} 0\n");
  EXPECT_EQ(Instant("b < a"), "{__name__=\"b\", i=\"1\"} 2\n");
}

TEST_F(JoinTest, OnAndIgnoringShapeTheResult) {
  Load("a{i=\"1\", j=\"x\"}", "6");
  Load("b{i=\"1\", k=\"y\"}", "2");
  EXPECT_EQ(Instant("a - on (i) b"), "{i=\"1\"} 4\n");
  EXPECT_EQ(Instant("a - ignoring (j, k) b"), "{i=\"1\"} 4\n");
  EXPECT_EQ(Instant("a > on (i) b"), "{i=\"1\"} 6\n");
  EXPECT_EQ(Instant("a > ignoring (j, k) b"), "{__name__=\"a\", i=\"1\"} 6\n");
  EXPECT_EQ(Instant("a - b"), "");
}

TEST_F(JoinTest, GroupsKeepTheManySideAndIncludeLabels) {
  Load("a{i=\"1\", j=\"x\"}", "6");
  Load("a{i=\"1\", j=\"y\"}", "8");
  Load("info{i=\"1\", v=\"2.0\", j=\"z\"}", "2");
  EXPECT_EQ(Instant("a * on (i) group_left (v) info"),
            "{i=\"1\", j=\"x\", v=\"2.0\"} 12\n{i=\"1\", j=\"y\", v=\"2.0\"} 16\n");
  EXPECT_EQ(Instant("info * on (i) group_right (v) a"),
            "{i=\"1\", j=\"x\", v=\"2.0\"} 12\n{i=\"1\", j=\"y\", v=\"2.0\"} 16\n");
  EXPECT_EQ(Instant("info - on (i) group_right () a"),
            "{i=\"1\", j=\"x\"} -4\n{i=\"1\", j=\"y\"} -6\n");
  EXPECT_EQ(Instant("info < on (i) group_right () a"),
            "{__name__=\"a\", i=\"1\", j=\"x\"} 2\n{__name__=\"a\", i=\"1\", j=\"y\"} 2\n");
  EXPECT_EQ(Instant("a * on (i) group_left (nope) info"),
            "{i=\"1\", j=\"x\"} 12\n{i=\"1\", j=\"y\"} 16\n");
}

TEST_F(JoinTest, ManyToManyIsAnErrorThatNamesTheSide) {
  Load("a{i=\"1\", j=\"x\"}", "6");
  Load("a{i=\"1\", j=\"y\"}", "8");
  Load("b{i=\"1\", j=\"x\"}", "1");
  EXPECT_EQ(Instant("b / on (i) a"),
            "error: found duplicate series for the match group {i=\"1\"} on the right hand-side of "
            "the operation: [{__name__=\"a\", i=\"1\", j=\"x\"}, {__name__=\"a\", i=\"1\", "
            "j=\"y\"}];many-to-many matching not allowed: matching labels must be unique on one "
            "side\n");
  EXPECT_NE(Instant("a / on (i) group_right () b").find("on the left hand-side"),
            std::string::npos);
  EXPECT_EQ(Instant("a / on (i) b"),
            "error: multiple matches for labels: many-to-one matching must be explicit "
            "(group_left/group_right)\n");
  EXPECT_EQ(Instant("a / on (i) group_left (j) b"),
            "error: multiple matches for labels: grouping labels must ensure unique matches\n");
}

TEST_F(JoinTest, ErrorsComeOnlyWhereAStepHasThem) {
  // The two never stand side by side, so they are one series to the match.
  Load("a{i=\"1\", j=\"x\"}", "6 stale", 300);
  Load("a{i=\"1\", j=\"y\"}", "_ 8", 300);
  Load("b{i=\"1\"}", "2 2", 300);
  EXPECT_EQ(Range("b * on (i) a", 0, 300, 300), "{i=\"1\"} 12@0 16@300\n");
  EXPECT_EQ(Range("a * on (i) b", 0, 300, 300), "{i=\"1\"} 12@0 16@300\n");
  EXPECT_EQ(Range("b * on (i) group_left (j) a", 0, 300, 300),
            "{i=\"1\", j=\"x\"} 12@0\n{i=\"1\", j=\"y\"} 16@300\n");
  // Nothing on the other side: the duplicates do not matter.
  Load("c{i=\"1\"}", "1");
  Load("d{i=\"1\", j=\"x\"}", "_ 1", 600);
  Load("d{i=\"1\", j=\"y\"}", "_ 1", 600);
  EXPECT_EQ(Range("c * on (i) d", 0, 600, 600), "");
}

TEST_F(JoinTest, FillStandsInStepByStep) {
  Load("a{i=\"1\"}", "1 stale 3");
  Load("b{i=\"1\"}", "10 20 stale");
  Load("b{i=\"2\"}", "_ 5 stale");
  EXPECT_EQ(Range("a + fill(0) b", 0, 120, 60), "{i=\"1\"} 11@0 20@60 3@120\n{i=\"2\"} 5@60\n");
  EXPECT_EQ(Range("a + fill_left(7) b", 0, 120, 60), "{i=\"1\"} 11@0 27@60\n{i=\"2\"} 12@60\n");
  EXPECT_EQ(Range("a + fill_right(7) b", 0, 120, 60), "{i=\"1\"} 11@0 10@120\n");
  EXPECT_EQ(Range("a < fill(100) b", 0, 120, 60), "{__name__=\"a\", i=\"1\"} 1@0 3@120\n");
  EXPECT_EQ(Instant("a + on () fill(0) b", 60).substr(0, 34), "error: found duplicate series for ");
}

TEST_F(JoinTest, SetOperatorsGoByMatchGroup) {
  Load("a{i=\"1\"}", "1 stale", 60);
  Load("a{i=\"2\"}", "2 2", 60);
  Load("b{i=\"1\", j=\"x\"}", "3 3", 60);
  EXPECT_EQ(Range("a and on (i) b", 0, 60, 60), "{__name__=\"a\", i=\"1\"} 1@0\n");
  EXPECT_EQ(Range("a unless on (i) b", 0, 60, 60), "{__name__=\"a\", i=\"2\"} 2@0 2@60\n");
  EXPECT_EQ(Range("a or on (i) b", 0, 60, 60),
            "{__name__=\"a\", i=\"1\"} 1@0\n{__name__=\"a\", i=\"2\"} 2@0 2@60\n"
            "{__name__=\"b\", i=\"1\", j=\"x\"} 3@60\n");
  EXPECT_EQ(Range("sum(a > 1) or sum(b)", 0, 60, 60), "{} 2@0 2@60\n");
  EXPECT_EQ(Range("sum(a == 1) or sum(b)", 0, 60, 60), "{} 1@0 3@60\n");
}

TEST_F(JoinTest, WorksWhereNeitherSideStartsAtAWordOfSteps) {
  Load("a", "0+1x200", 1, /*start_s=*/70);
  Load("b", "1x300", 1, /*start_s=*/133);
  const auto result = Run("a * b", {0, 1'000'000, 1000});
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->value.matrix.size(), 1u);
  const auto& points = result->value.matrix[0].points;
  EXPECT_EQ(points.front().t, 133'000);
  EXPECT_EQ(points.front().v, 63);
  EXPECT_EQ(points.back().t, (270 + 299) * 1000);  // The lookback after the last sample of a.
  EXPECT_EQ(points.size(), 437u);
}

}  // namespace
}  // namespace promql
