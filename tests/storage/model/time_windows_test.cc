#include "storage/model/time_windows.h"

#include <limits>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace model {
namespace {

using ::testing::ElementsAre;

constexpr TimeMs kMin = std::numeric_limits<TimeMs>::min(), kMax = std::numeric_limits<TimeMs>::max();

TEST(TimeWindows, BeforeTheEpochTheyAreAsWideAsAfterIt) {
  EXPECT_EQ(WindowStart(-1, 100), -100);
  EXPECT_EQ(WindowStart(-100, 100), -100);
  EXPECT_EQ(WindowStart(0, 100), 0);
  EXPECT_EQ(WindowStart(99, 100), 0);
}

TEST(TimeWindows, ADayIsNotCutNorALittleOfTheNextOne) {
  EXPECT_THAT(CutByDay({0, kDayMs - 1}), ElementsAre(TimeRange()));
  EXPECT_THAT(CutByDay({-kHourMs + 1, kDayMs + kHourMs - 1}), ElementsAre(TimeRange()));
  EXPECT_THAT(CutByDay(TimeRange::None()), ElementsAre(TimeRange()));
}

TEST(TimeWindows, CutsAreAtMidnight) {
  EXPECT_THAT(CutByDay({-kHourMs, kDayMs + kHourMs}),
              ElementsAre(TimeRange{kMin, -1}, TimeRange{0, kDayMs - 1}, TimeRange{kDayMs, kMax}));
}

// Also of times that no clock should give.
TEST(TimeWindows, CuttingWhatWasCutEndsInDays) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    const TimeRange all{static_cast<TimeMs>(random()) >> (random() % 40),
                        static_cast<TimeMs>(random()) >> (random() % 40)};
    if (all.empty()) continue;
    // Down to some sample.
    const TimeMs sample = all.min + static_cast<TimeMs>(random() % 1000);
    TimeRange piece = all;
    for (int times = 0;; ++times) {
      ASSERT_LT(times, 10);
      const std::vector<TimeRange> pieces = CutByDay(piece);
      ASSERT_LE(pieces.size(), 66u);
      EXPECT_EQ(pieces.front().min, kMin);
      EXPECT_EQ(pieces.back().max, kMax);
      for (size_t i = 1; i < pieces.size(); ++i) {
        EXPECT_EQ(pieces[i].min, pieces[i - 1].max + 1);
        EXPECT_EQ(pieces[i].min % kDayMs, 0);
        EXPECT_GE(static_cast<uint64_t>(pieces[i].min) - static_cast<uint64_t>(piece.min), kHourMs);
        EXPECT_GE(static_cast<uint64_t>(piece.max) - static_cast<uint64_t>(pieces[i].min), kHourMs);
      }
      if (pieces.size() == 1) break;
      for (const TimeRange& range : pieces) {
        if (!range.Contains(sample)) continue;
        piece = {std::max(piece.min, range.min), std::min(piece.max, range.max)};
        break;
      }
    }
    EXPECT_LE(static_cast<uint64_t>(piece.max) - static_cast<uint64_t>(piece.min), kDayMs + 2 * kHourMs);
  }
}

}  // namespace
}  // namespace model
