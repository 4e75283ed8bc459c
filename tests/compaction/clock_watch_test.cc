#include "compaction/clock_watch.h"

#include <gtest/gtest.h>

#include <limits>

namespace compaction {
namespace {

constexpr int64_t kHour = 3'600'000, kDay = 24 * kHour, kYear = 365 * kDay;
constexpr model::TimeMs kNow = 1'790'000'000'000;

TEST(ClockWatch, TimeThatPassesIsNoStep) {
  ClockWatch watch(kNow, 5, std::nullopt);
  EXPECT_EQ(watch.Look(kNow + kDay, 5 + kDay), 0);
  EXPECT_EQ(watch.Look(kNow + kDay + 9 * 60'000, 5 + kDay), 0);  // A clock set right a little.
  EXPECT_EQ(watch.believed(), kNow + kDay + 9 * 60'000);
}

TEST(ClockWatch, AStepForwardIsInDoubtForADay) {
  ClockWatch watch(kNow, 0, std::nullopt);
  EXPECT_EQ(watch.Look(kNow + kYear + kHour, kHour), kYear);
  EXPECT_EQ(watch.believed(), kNow + kHour);
  EXPECT_EQ(watch.Look(kNow + kYear + kDay, kDay), 0);
  EXPECT_EQ(watch.believed(), kNow + kDay);
  EXPECT_EQ(watch.Look(kNow + kYear + kDay + kHour, kDay + kHour), 0);
  EXPECT_EQ(watch.believed(), kNow + kYear + kDay + kHour);
}

TEST(ClockWatch, AStepBackTakesTheDoubtWithIt) {
  ClockWatch watch(kNow, 0, std::nullopt);
  watch.Look(kNow + kYear, 0);
  EXPECT_EQ(watch.Look(kNow + kHour, kHour), -kYear);
  EXPECT_EQ(watch.believed(), kNow + kHour);
  EXPECT_EQ(watch.Look(kNow - kYear, kHour), -kYear - kHour);
  EXPECT_EQ(watch.believed(), kNow - kYear);
}

TEST(ClockWatch, AStartFarBehindTheDataIsInDoubtToo) {
  EXPECT_EQ(ClockWatch(kNow, 0, kNow - kYear).believed(), kNow - kYear);
  EXPECT_EQ(ClockWatch(kNow, 0, kNow - 60'000).believed(), kNow);
  EXPECT_EQ(ClockWatch(kNow, 0, kNow + kYear).believed(), kNow);
  ClockWatch watch(kNow, 0, std::numeric_limits<int64_t>::min());
  watch.Look(kNow, kDay);
  EXPECT_EQ(watch.believed(), kNow);
}

}  // namespace
}  // namespace compaction
