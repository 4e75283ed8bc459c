#include "tests/promql/engine_fixture.h"

namespace promql {
namespace {

class SelectTest : public EngineFixture {};

TEST_F(SelectTest, LookbackIsOpenOnTheLeft) {
  Load("m", "1");
  EXPECT_EQ(Instant("m", 299.999), "{__name__=\"m\"} 1\n");
  EXPECT_EQ(Instant("m", 300), "");
  query_options_.lookback = absl::Seconds(10);
  EXPECT_EQ(Instant("m", 9.999), "{__name__=\"m\"} 1\n");
  EXPECT_EQ(Instant("m", 10), "");
}

TEST_F(SelectTest, AStaleMarkerEndsASeriesAndNaNDoesNot) {
  Load("m", "1 NaN stale 4");
  EXPECT_EQ(Range("m", 0, 180, 60), "{__name__=\"m\"} 1@0 NaN@60 4@180\n");
  EXPECT_EQ(Instant("m[5m]", 180), "{__name__=\"m\"} 1@0 NaN@60 4@180\n");
}

TEST_F(SelectTest, WindowsAreOpenOnTheLeftAndClosedOnTheRight) {
  Load("m", "1 2 3");
  EXPECT_EQ(Instant("m[1m]", 60), "{__name__=\"m\"} 2@60\n");
  EXPECT_EQ(Instant("m[2m]", 120), "{__name__=\"m\"} 2@60 3@120\n");
  EXPECT_EQ(Instant("m[59s]", 119), "");
  EXPECT_EQ(Instant("count_over_time(m[2m])", 120), "{} 2\n");
}

TEST_F(SelectTest, OffsetAndAtMoveTheTimeLookedAt) {
  Load("m", "0+1x10");
  EXPECT_EQ(Instant("m offset 1m", 300), "{__name__=\"m\"} 4\n");
  EXPECT_EQ(Instant("m offset -1m", 300), "{__name__=\"m\"} 6\n");
  EXPECT_EQ(Instant("m @ 120", 300), "{__name__=\"m\"} 2\n");
  EXPECT_EQ(Instant("m @ 120 offset 1m", 300), "{__name__=\"m\"} 1\n");
  EXPECT_EQ(Instant("m offset 1m @ 120", 300), "{__name__=\"m\"} 1\n");
  EXPECT_EQ(Range("m @ start()", 60, 180, 60), "{__name__=\"m\"} 1@60 1@120 1@180\n");
  EXPECT_EQ(Range("m @ end() - m", 60, 180, 60), "{} 2@60 1@120 0@180\n");
  EXPECT_EQ(Range("sum_over_time(m[2m] @ end())", 60, 180, 60), "{} 5@60 5@120 5@180\n");
  EXPECT_EQ(Instant("m offset (1m * 2)", 300), "{__name__=\"m\"} 3\n");
  EXPECT_EQ(Range("count_over_time(m[step() * 2])", 300, 420, 60), "{} 2@300 2@360 2@420\n");
}

TEST_F(SelectTest, TimestampIsTheTimeOfTheSampleOnlyOverAPlainSelector) {
  Load("m", "5 _ _ 6");
  EXPECT_EQ(Range("timestamp(m)", 0, 240, 120), "{} 0@0 0@120 180@240\n");
  EXPECT_EQ(Range("timestamp((m))", 0, 240, 120), "{} 0@0 0@120 180@240\n");
  EXPECT_EQ(Range("timestamp(m + 0)", 0, 240, 120), "{} 0@0 120@120 240@240\n");
  EXPECT_EQ(Range("timestamp(m @ 60)", 0, 240, 120), "{} 0@0 0@120 0@240\n");
  EXPECT_EQ(Range("timestamp(m offset 1m)", 0, 240, 120), "{} 0@120 180@240\n");
}

TEST_F(SelectTest, SubqueriesStandOnMultiplesOfTheirStep) {
  Load("m", "0+1x20", 30);
  EXPECT_EQ(Instant("m[2m:50s]", 200), "{__name__=\"m\"} 3@100 5@150 6@200\n");
  EXPECT_EQ(Instant("m[100s:50s]", 200), "{__name__=\"m\"} 5@150 6@200\n");
  EXPECT_EQ(Instant("m[3m:]", 200), "{__name__=\"m\"} 2@60 4@120 6@180\n");
  EXPECT_EQ(Range("count_over_time(m[2m:50s])", 200, 300, 50), "{} 3@200 3@250 3@300\n");
  EXPECT_EQ(Instant("max_over_time(m[2m:50s] @ 120 offset 1m)", 500), "{} 1\n");
  EXPECT_EQ(Instant("m[10s:1m]", 50), "");
  EXPECT_EQ(Instant("count_over_time(m[10s:1m])", 50), "");
}

TEST_F(SelectTest, OneSelectorWithTwoWindowsSeesBoth) {
  Load("m", "0+1x10");
  EXPECT_EQ(Instant("count_over_time(m[5m]) - count_over_time(m[2m] offset 3m) + m offset 5m", 300),
            "{} 3\n");
}

}  // namespace
}  // namespace promql
