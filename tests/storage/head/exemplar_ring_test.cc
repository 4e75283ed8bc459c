#include "storage/head/exemplar_ring.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storage {
namespace {

using model::Exemplar;
using ::testing::ElementsAre;

Exemplar At(model::TimeMs t, double value = 1, std::string_view trace = "a") {
  return {model::Labels({{"trace_id", trace}}), value, t, true};
}

std::vector<model::TimeMs> Times(const ExemplarRing& ring, uint64_t ref) {
  std::vector<model::TimeMs> out;
  ring.ForEach([&](SeriesRef r, const Exemplar& e) {
    if (r == SeriesRef{ref}) out.push_back(e.t);
  });
  return out;
}

TEST(ExemplarRing, TakesOnlyWhatIsNewerThanTheSeriesNewest) {
  ExemplarRing ring(10);
  EXPECT_TRUE(ring.Add(SeriesRef{1}, At(100)));
  EXPECT_FALSE(ring.Add(SeriesRef{1}, At(100)));  // Duplicate.
  EXPECT_FALSE(ring.Add(SeriesRef{1}, At(99)));   // Out of order.
  EXPECT_TRUE(ring.Add(SeriesRef{1}, At(100, 2)));
  EXPECT_FALSE(ring.Add(SeriesRef{1}, At(100, 1)));
  EXPECT_TRUE(ring.Add(SeriesRef{2}, At(50)));  // Another series has its own time.
  EXPECT_TRUE(ring.Add(SeriesRef{1}, At(101)));
  EXPECT_THAT(Times(ring, 1), ElementsAre(100, 100, 101));
}

TEST(ExemplarRing, WithoutATimeOfItsOwnTheSameOneIsADuplicate) {
  ExemplarRing ring(10);
  Exemplar e = At(100);
  e.has_time = false;
  EXPECT_TRUE(ring.Add(SeriesRef{1}, e));
  e.t = 200;  // The time of the next scrape.
  EXPECT_FALSE(ring.Add(SeriesRef{1}, e));
  e.value = 5;
  EXPECT_TRUE(ring.Add(SeriesRef{1}, e));
}

TEST(ExemplarRing, PushesOutTheOldestOfAll) {
  ExemplarRing ring(3);
  for (uint64_t t = 1; t <= 5; ++t) {
    EXPECT_TRUE(ring.Add(SeriesRef{1 + t % 2}, At(static_cast<model::TimeMs>(t))));
  }
  EXPECT_EQ(ring.size(), 3u);
  EXPECT_THAT(Times(ring, 2), ElementsAre(3, 5));
  EXPECT_THAT(Times(ring, 1), ElementsAre(4));
}

TEST(ExemplarRing, ASeriesWhoseNewestWasPushedOutBeginsAnew) {
  ExemplarRing ring(1);
  EXPECT_TRUE(ring.Add(SeriesRef{1}, At(100)));
  EXPECT_TRUE(ring.Add(SeriesRef{2}, At(1)));
  EXPECT_TRUE(ring.Add(SeriesRef{1}, At(50)));
  EXPECT_THAT(Times(ring, 1), ElementsAre(50));
}

TEST(ExemplarRing, OfSizeZeroRefusesAll) {
  ExemplarRing ring(0);
  EXPECT_FALSE(ring.Add(SeriesRef{1}, At(1)));
  EXPECT_FALSE(ring.Accepts(SeriesRef{1}, At(1)));
}

TEST(ExemplarRing, RefusesLabelsOfMoreThan128Runes) {
  ExemplarRing ring(3);
  std::string runes;
  for (int i = 0; i < 120; ++i) runes += "ä";
  EXPECT_TRUE(ring.Add(SeriesRef{1}, At(1, 1, runes)));  // With the name: 128.
  EXPECT_FALSE(ring.Add(SeriesRef{1}, At(2, 1, runes + "x")));
}

TEST(ExemplarRing, ForgetsSeries) {
  ExemplarRing ring(5);
  for (uint64_t ref : {1, 2, 3}) ring.Add(SeriesRef{ref}, At(10));
  ring.Forget({SeriesRef{1}, SeriesRef{3}});
  EXPECT_EQ(ring.size(), 1u);
  EXPECT_THAT(Times(ring, 2), ElementsAre(10));
  EXPECT_TRUE(ring.Add(SeriesRef{1}, At(5)));
}

}  // namespace
}  // namespace storage
