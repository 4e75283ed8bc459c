#include "storage/chunk/thin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/testing/seed.h"
#include "tests/testing/window_figures.h"

namespace chunk {
namespace {

using ::testing::ElementsAre;
using testing_support::Figures;
using testing_support::NextValue;
using testing_support::RandomWindows;

TEST(Thin, OfACellWithoutAResetTheEndsStay) {
  const Windows windows{100, 100, 2, 100, Want::kFalls};  // (0, 100] and (100, 200].
  SampleColumns out;
  const std::vector<model::TimeMs> times = {0, 10, 20, 30, 40, 110, 120, 130, 140, 150, 210};
  const std::vector<double> values = {9, 1, 2, 3, 4, 5, 8, 2, 3, 4, 5};
  AppendThin(times, values.data(), windows, &out);
  EXPECT_THAT(out.times, ElementsAre(10, 30, 40, 110, 120, 130, 140, 150));
  EXPECT_THAT(out.through, ElementsAre(2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_EQ(out.Count(0, 3), 4u);
  EXPECT_EQ(out.Count(3, 8), 5u);
}

TEST(Thin, OneValueStandsForACellOfAMaximum) {
  const Windows windows{100, 100, 2, 100, Want::kMax};
  SampleColumns out;
  const std::vector<model::TimeMs> times = {10, 20, 30, 110, 120, 130};
  const std::vector<double> values = {1, 7, 3, model::StaleNan(), model::NormalNan(), 2};
  AppendThin(times, values.data(), windows, &out);
  EXPECT_THAT(out.times, ElementsAre(10, 120));
  EXPECT_THAT(out.values, ElementsAre(7, 2));
  EXPECT_THAT(out.through, ElementsAre(3, 5));
}

TEST(Thin, CellsAreWhatWindowEdgesLeave) {
  const Windows windows{1000, 1000, 3, 300, Want::kAll};
  const auto cell = [&](model::TimeMs t) {
    const Windows::Cell c = windows.CellOf(t);
    return std::pair(c.last, c.touched);
  };
  EXPECT_EQ(cell(1), std::pair(model::TimeMs{700}, false));
  EXPECT_EQ(cell(700), std::pair(model::TimeMs{700}, false));
  EXPECT_EQ(cell(701), std::pair(model::TimeMs{1000}, true));
  EXPECT_EQ(cell(1000), std::pair(model::TimeMs{1000}, true));
  EXPECT_EQ(cell(1001), std::pair(model::TimeMs{1700}, false));
  EXPECT_EQ(cell(3000), std::pair(model::TimeMs{3000}, true));
  EXPECT_FALSE(cell(3001).second);
}

// In pieces of any size, some of them appended whole, as from another store.
TEST(Thin, FiguresOfWindowsAreTheSameToTheBit) {
  const uint32_t seed = testing_support::Seed();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 3000; ++round) {
    const int n = 1 + static_cast<int>(random() % 1500), kind = static_cast<int>(random() % 8);
    SampleColumns all;
    double value = 1;
    for (int i = 0; i < n; ++i) {
      if (random() % 30 == 0) continue;
      value = NextValue(random, kind, value);
      all.times.push_back(1'000'000 + i * 1000 + static_cast<int64_t>(random() % 3));
      all.values.push_back(value);
    }
    const Windows windows = RandomWindows(random, 1'000'000, 1000, n);
    SampleColumns thin;
    for (size_t begin = 0; begin < all.size();) {
      const size_t size = std::min<size_t>(1 + random() % 300, all.size() - begin);
      const auto at = static_cast<std::ptrdiff_t>(begin), end = at + static_cast<std::ptrdiff_t>(size);
      SampleColumns piece;
      piece.times.assign(all.times.begin() + at, all.times.begin() + end);
      piece.values.assign(all.values.begin() + at, all.values.begin() + end);
      if (random() % 4 == 0) {
        AppendLater(piece, windows, &thin);
      } else {
        AppendThin(piece.times, piece.values.data(), windows, &thin);
      }
      begin += size;
    }
    ASSERT_EQ(Figures(thin, windows), Figures(all, windows))
        << "round " << round << " kind " << kind << " want " << static_cast<int>(windows.want);
  }
}

}  // namespace
}  // namespace chunk
