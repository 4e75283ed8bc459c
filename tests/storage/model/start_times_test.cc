#include "storage/model/start_times.h"

#include <limits>
#include <map>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace model {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(StartTimes, AreRunsOfSamples) {
  StartRuns runs;
  NoteStart(5, 0, &runs);
  EXPECT_THAT(runs, IsEmpty());
  NoteStart(10, 7, &runs);
  NoteStart(20, 7, &runs);
  NoteStart(30, 0, &runs);
  NoteStart(40, 0, &runs);
  NoteStart(50, 45, &runs);
  EXPECT_THAT(runs, ElementsAre(StartRun{10, 7}, StartRun{30, 0}, StartRun{50, 45}));
  EXPECT_TRUE(Valid(runs));
  EXPECT_EQ(StartAt(runs, 9), 0);
  EXPECT_EQ(StartAt(runs, 10), 7);
  EXPECT_EQ(StartAt(runs, 29), 7);
  EXPECT_EQ(StartAt(runs, 30), 0);
  EXPECT_EQ(StartAt(runs, 99), 45);
  EXPECT_EQ(StartAt({}, 5), 0);
}

TEST(StartTimes, OfARangeBeginInsideOfIt) {
  const StartRuns runs = {{10, 7}, {30, 0}, {50, 45}};
  const auto in = [&](TimeMs min, TimeMs max) {
    StartRuns out;
    AppendStarts(runs, {min, max}, &out);
    return out;
  };
  EXPECT_THAT(in(0, 9), IsEmpty());
  EXPECT_THAT(in(0, 10), ElementsAre(StartRun{10, 7}));
  EXPECT_THAT(in(15, 29), ElementsAre(StartRun{15, 7}));
  EXPECT_THAT(in(35, 60), ElementsAre(StartRun{50, 45}));
  EXPECT_THAT(in(15, 50), ElementsAre(StartRun{15, 7}, StartRun{30, 0}, StartRun{50, 45}));
  EXPECT_THAT(in(60, 50), IsEmpty());
}

TEST(StartTimes, InvalidRunsAreToldApart) {
  EXPECT_TRUE(Valid({}));
  for (const StartRuns& runs : {StartRuns{{1, 0}}, StartRuns{{1, 5}, {1, 6}}, StartRuns{{2, 5}, {1, 6}},
                                StartRuns{{1, 5}, {2, 5}}}) {
    EXPECT_FALSE(Valid(runs));
  }
}

TEST(StartTimes, AgreeWithAMapFromTimes) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    std::map<TimeMs, TimeMs> want;
    StartRuns runs;
    TimeMs t = -1000, start = 0;
    std::vector<TimeMs> times;
    for (int i = 0; i < 100; ++i) {
      t += 1 + random() % 20;
      if (random() % 5 == 0) start = random() % 3 == 0 ? 0 : t - random() % 1000;
      NoteStart(t, start, &runs);
      want[t] = start;
      times.push_back(t);
    }
    ASSERT_TRUE(Valid(runs));
    StartColumns columns;
    AppendStartsAt(runs, times, &columns);
    EXPECT_EQ(ToRuns(columns), runs);
    const TimeRange range{times[random() % 50], times[50 + random() % 50]};
    StartRuns some;
    AppendStarts(runs, range, &some);
    ASSERT_TRUE(Valid(some));
    size_t i = 0;
    for (const auto& [time, s] : want) {
      ASSERT_EQ(StartAt(runs, time), s) << seed;
      ASSERT_EQ(columns.values[i++], s) << seed;
      if (range.Contains(time)) {
        ASSERT_EQ(StartAt(some, time), s) << seed;
      }
    }
  }
}

}  // namespace
}  // namespace model
