#include "storage/block/tombstones.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace storage::block {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr model::TimeRange kWhole;

TEST(Tombstones, SpansThatTouchBecomeOne) {
  const std::vector<DeletedSeries> more = {
      {3, {10, 20}, {0, 100}}, {3, {21, 30}, {0, 100}}, {3, {40, 50}, {0, 100}}};
  const Tombstones deleted = Tombstones::Add({}, more);
  EXPECT_THAT(deleted.Of(3), ElementsAre(model::TimeRange{10, 30}, model::TimeRange{40, 50}));
  EXPECT_THAT(deleted.Of(2), IsEmpty());
  EXPECT_THAT(deleted.gone(), IsEmpty());
  EXPECT_EQ(deleted.num_series(), 1u);
}

TEST(Tombstones, ASeriesOfWhichNothingIsLeftIsGone) {
  Tombstones deleted = Tombstones::Add({}, std::vector<DeletedSeries>{{7, {0, 59}, {0, 100}}});
  EXPECT_THAT(deleted.gone(), IsEmpty());
  deleted = Tombstones::Add(deleted, std::vector<DeletedSeries>{{7, {60, 200}, {0, 100}}});
  EXPECT_THAT(deleted.gone(), ElementsAre(SeriesRef{7}));
  EXPECT_THAT(deleted.Of(7), ElementsAre(kWhole));
}

TEST(Tombstones, CoveredMeansBySingleSpan) {
  const std::vector<model::TimeRange> deleted = {{10, 20}, {30, 40}};
  EXPECT_TRUE(Covers(deleted, {10, 20}));
  EXPECT_TRUE(Covers(deleted, {35, 35}));
  EXPECT_FALSE(Covers(deleted, {10, 21}));
  EXPECT_FALSE(Covers(deleted, {15, 35}));
  EXPECT_FALSE(Covers(deleted, {41, 41}));
  EXPECT_FALSE(Covers({}, {1, 1}));
}

// Beside a set of deleted milliseconds per series.
TEST(Tombstones, AreWhatAMapOfTimesSaysAlsoAfterEncoding) {
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    Tombstones deleted;
    std::map<uint32_t, std::set<int>> model;
    for (int round = 0; round < 6; ++round) {
      std::vector<DeletedSeries> more;
      for (uint32_t ref = 1; ref <= 10; ++ref) {
        for (uint32_t n = random() % 3; n > 0; --n) {
          const int from = static_cast<int>(random() % 60);
          const int to = from + static_cast<int>(random() % 30);
          more.push_back({ref, {from, to}, {0, 50}});
          for (int t = from; t <= to; ++t) model[ref].insert(t);
        }
      }
      deleted = Tombstones::Add(deleted, more);
    }
    std::string bytes;
    deleted.AppendTo(&bytes);
    const std::optional<Tombstones> again = Tombstones::Parse(bytes);
    ASSERT_TRUE(again.has_value());
    for (const Tombstones* t : std::initializer_list<const Tombstones*>{&deleted, &*again}) {
      EXPECT_EQ(t->num_series(), model.size());
      for (const auto& [ref, times] : model) {
        chunk::SampleColumns columns;
        std::vector<model::TimeMs> want;
        for (int at = 0; at <= 50; ++at) {
          columns.times.push_back(at);
          columns.values.push_back(at);
          if (!times.contains(at)) want.push_back(at);
        }
        const bool gone = std::binary_search(t->gone().begin(), t->gone().end(), SeriesRef{ref});
        EXPECT_EQ(gone, want.empty());
        CutOut(t->Of(ref), 0, &columns);
        EXPECT_EQ(columns.times, want);
        EXPECT_EQ(columns.values, std::vector<double>(want.begin(), want.end()));
      }
    }
    for (size_t flip = 0; flip < bytes.size() * 8; ++flip) {  // The checksum sees every bit.
      bytes[flip / 8] = static_cast<char>(bytes[flip / 8] ^ 1 << flip % 8);
      EXPECT_FALSE(Tombstones::Parse(bytes).has_value());
      bytes[flip / 8] = static_cast<char>(bytes[flip / 8] ^ 1 << flip % 8);
    }
  }
}

TEST(Tombstones, ExtremeTimesSurviveEncoding) {
  const std::vector<DeletedSeries> more = {{1, {INT64_MIN, -5}, {-10, 10}},
                                           {4294967295, {5, INT64_MAX}, {-10, 10}}};
  std::string bytes;
  Tombstones::Add({}, more).AppendTo(&bytes);
  const auto again = Tombstones::Parse(bytes);
  ASSERT_TRUE(again.has_value());
  EXPECT_THAT(again->Of(1), ElementsAre(model::TimeRange{INT64_MIN, -5}));
  EXPECT_THAT(again->Of(4294967295), ElementsAre(model::TimeRange{5, INT64_MAX}));
}

TEST(Tombstones, NoResetIsDeniedAcrossAGap) {
  chunk::MixedColumns columns;
  for (model::TimeMs t = 1; t <= 5; ++t) {
    model::FloatHistogram h;
    h.hint = model::ResetHint::kNotReset;
    columns.histograms.Add(t, h);
  }
  CutOut(std::vector<model::TimeRange>{{2, 3}, {5, 9}}, &columns);
  ASSERT_EQ(columns.histograms.times, (std::vector<model::TimeMs>{1, 4}));
  EXPECT_EQ(model::HintOf(columns.histograms.values[0]), model::ResetHint::kNotReset);
  EXPECT_EQ(model::HintOf(columns.histograms.values[1]), model::ResetHint::kUnknown);
}

TEST(Tombstones, CutOutLeavesWhatComesBeforeAlone) {
  chunk::SampleColumns columns{{5, 6, 5, 6, 7}, {1, 2, 3, 4, 5}};
  CutOut(std::vector<model::TimeRange>{{5, 6}}, 2, &columns);
  EXPECT_THAT(columns.times, ElementsAre(5, 6, 7));
  EXPECT_THAT(columns.values, ElementsAre(1, 2, 5));
}

}  // namespace
}  // namespace storage::block
