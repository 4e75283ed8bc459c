#include "compaction/planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace compaction {
namespace {

using storage::BlockMeta;
using ::testing::ElementsAre;

constexpr int64_t kMinute = 60'000, kHour = 60 * kMinute, kDay = 24 * kHour;
constexpr model::TimeMs kMidnight = 1'700'006'400'000;  // 2023-11-15T00:00:00Z
static_assert(kMidnight % kDay == 0);

// A block from `min` to `max` minutes after midnight.
BlockMeta Block(std::string ulid, int level, int64_t min, int64_t max) {
  BlockMeta meta;
  meta.ulid = std::move(ulid);
  meta.level = level;
  meta.range = {kMidnight + min * kMinute, kMidnight + max * kMinute};
  return meta;
}

// "a b c -> level 1: reason", or "nothing".
std::string PlanAt(int64_t minutes, const std::vector<BlockMeta>& metas, PlanOptions options = {}) {
  const auto plan = MakePlan(options, metas, kMidnight + minutes * kMinute);
  if (!plan) return "nothing";
  std::string text;
  for (const std::string& ulid : plan->blocks) text += ulid + " ";
  return text + fmt::format("-> level {}: {}", plan->level, plan->reason);
}

TEST(Planner, WaitsUntilAWindowIsFinished) {
  const std::vector<BlockMeta> metas = {Block("b", 0, 12, 24), Block("a", 0, 0, 12)};
  EXPECT_EQ(PlanAt(24, metas), "nothing");
  EXPECT_EQ(PlanAt(134, metas), "nothing");
  EXPECT_EQ(PlanAt(135, metas), "a b -> level 1: a window is finished");
}

TEST(Planner, NothingToDoForNothing) {
  EXPECT_EQ(PlanAt(0, {}), "nothing");
  EXPECT_EQ(PlanAt(10'000, {Block("a", 1, 0, 120), Block("b", 2, -2000, -1500)}), "nothing");
}

TEST(Planner, AFlushThatComesALittleLateBelongsToTheWindowBefore) {
  const std::vector<BlockMeta> metas = {Block("a", 0, 100, 108), Block("b", 0, 108, 121),
                                        Block("c", 0, 121, 133)};
  EXPECT_EQ(PlanAt(140, metas), "a b -> level 1: a window is finished");
}

TEST(Planner, ALoneFreshBlockIsRewrittenSinceItIsPackedLightly) {
  EXPECT_EQ(PlanAt(500, {Block("a", 0, 0, 12)}), "a -> level 1: a window is finished");
}

TEST(Planner, NewerDataFinishesAWindowWhateverTheClockSays) {
  const std::vector<BlockMeta> metas = {Block("a", 0, 0, 100), Block("b", 0, 100, 200)};
  EXPECT_EQ(PlanAt(-10'000, metas), "a -> level 1: a window is finished");
}

TEST(Planner, LateBlocksAreMergedIntoTheirWindow) {
  const std::vector<BlockMeta> metas = {Block("day", 1, 0, 119), Block("late", 0, 50, 70)};
  EXPECT_EQ(PlanAt(400, metas), "day late -> level 1: a window is finished");
}

TEST(Planner, HeavyLoadIsMergedBeforeTheWindowEnds) {
  std::vector<BlockMeta> metas;
  for (int i = 0; i < 12; ++i) {
    metas.push_back(Block(std::string(1, static_cast<char>('a' + i)), 0, 10 + i, 11 + i));
  }
  EXPECT_EQ(PlanAt(25, metas), "a b c d e f g h i j k l -> level 1: many fresh blocks");
  metas.pop_back();
  EXPECT_EQ(PlanAt(25, metas), "nothing");
  for (BlockMeta& meta : metas) meta.level = 1;
  metas.push_back(Block("m", 1, 22, 23));
  metas.push_back(Block("n", 0, 23, 24));
  EXPECT_EQ(PlanAt(25, metas), "a b c d e f g h i j k m -> level 1: many blocks in one window");
}

TEST(Planner, ADayIsMergedWhenItIsOver) {
  std::vector<BlockMeta> metas;
  for (int i = 0; i < 3; ++i) {
    metas.push_back(Block(fmt::format("w{}", i), 1, i * 120, i * 120 + 119));
  }
  EXPECT_EQ(PlanAt(1454, metas), "nothing");
  EXPECT_EQ(PlanAt(1455, metas), "w0 w1 w2 -> level 2: a day is finished");
  metas.push_back(Block("fresh", 0, 1430, 1440));
  EXPECT_EQ(PlanAt(1455, metas), "fresh -> level 1: a window is finished");
}

TEST(Planner, ALoneBlockOfADayStays) {
  EXPECT_EQ(PlanAt(5000, {Block("w", 1, 0, 119)}), "nothing");
  EXPECT_EQ(PlanAt(5000, {Block("d", 2, 0, 1439)}), "nothing");
}

TEST(Planner, LateWindowsJoinTheirDay) {
  EXPECT_EQ(PlanAt(5000, {Block("d", 2, 0, 1439), Block("w", 1, 60, 119)}),
            "d w -> level 2: a day is finished");
}

TEST(Planner, WhatSpansDaysIsCutAlone) {
  EXPECT_EQ(PlanAt(9000, {Block("wide", 1, 100, 3000)}), "wide -> level 1: it spans days");
  EXPECT_EQ(PlanAt(9000, {Block("wide", 2, 100, 1600)}), "wide -> level 1: it spans days");
  EXPECT_EQ(PlanAt(9000, {Block("d", 2, 1440 - 50, 2880 + 50)}), "nothing");
}

TEST(Planner, WhatLostATwentiethOfItsSeriesIsRewrittenAlone) {
  BlockMeta block = Block("a", 2, 0, 1440);
  block.num_series = 100;
  block.deleted_series = 5;
  EXPECT_EQ(PlanAt(3000, {block}), "nothing");
  block.deleted_series = 6;
  EXPECT_EQ(PlanAt(3000, {block}), "a -> level 2: samples were deleted");
}

TEST(Planner, WildTimesDoNotOverflow) {
  constexpr auto kMin = std::numeric_limits<model::TimeMs>::min();
  constexpr auto kMax = std::numeric_limits<model::TimeMs>::max();
  BlockMeta oldest, newest;
  oldest.ulid = "a", oldest.range = {kMin, kMin};
  newest.ulid = "b", newest.range = {kMax - 1, kMax};
  EXPECT_TRUE(MakePlan({}, std::vector{oldest, newest}, 0).has_value());
  EXPECT_TRUE(MakePlan({}, std::vector{oldest, newest}, kMax).has_value());
}

// A name that was given at that time.
std::string UlidAt(int64_t ms, int number) {
  std::string ulid = fmt::format("{:026}", number);
  for (int i = 9; i >= 0; --i, ms >>= 5) {
    ulid[static_cast<size_t>(i)] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[ms & 31];
  }
  return ulid;
}

TEST(Planner, ADayIsMergedAgainForLateDataOnlyWhenItHasWaited) {
  BlockMeta day = Block("day", 2, 0, 1440);
  std::vector<BlockMeta> metas = {day};
  const model::TimeMs now = kMidnight + 10 * 1440 * kMinute;
  const auto late = [&](model::TimeMs created) {
    metas.push_back(Block(UlidAt(created, static_cast<int>(metas.size())), 1, 100, 110));
  };
  late(now - 60 * kMinute);
  EXPECT_FALSE(MakePlan({}, metas, now));
  EXPECT_TRUE(MakePlan({}, metas, now + 5 * 60 * kMinute));
  for (int i = 0; i < 11; ++i) late(now - 60 * kMinute);
  const auto plan = MakePlan({}, metas, now);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->level, 2);
  EXPECT_EQ(plan->blocks.size(), 13u);
}

// Flushes for five days, merging whatever is planned: the number of blocks stays small, and all
// that is old lies in days.
TEST(Planner, FiveDaysEndInFewBlocks) {
  std::mt19937 random(3);
  std::vector<BlockMeta> metas;
  int named = 0;
  size_t most = 0, rewritten = 0;
  int64_t last = 0;
  for (int64_t minute = 12; minute <= 5 * 1440; minute += 12) {
    const int64_t late = random() % 10 == 0 ? 2 : 0;
    const int64_t first = last - static_cast<int64_t>(random() % 3);
    metas.push_back(Block(fmt::format("{:06}", named++), 0, first, minute + late));
    last = minute + late;
    while (const auto plan = MakePlan({}, metas, kMidnight + minute * kMinute)) {
      ASSERT_FALSE(plan->blocks.empty());
      BlockMeta merged;
      merged.ulid = fmt::format("{:06}", named++);
      merged.level = plan->level;
      merged.range = model::TimeRange::None();
      for (const std::string& ulid : plan->blocks) {
        const auto it = std::find_if(metas.begin(), metas.end(),
                                     [&](auto& m) { return m.ulid == ulid; });
        ASSERT_NE(it, metas.end());
        merged.range.Extend(it->range);
        metas.erase(it);
        ++rewritten;
      }
      metas.push_back(merged);
    }
    most = std::max(most, metas.size());
  }
  EXPECT_LE(most, 4u + 12 + 12);
  EXPECT_LE(rewritten, 600u + 60);  // Every block once or so on each level.
  EXPECT_EQ(std::count_if(metas.begin(), metas.end(), [](auto& m) { return m.level == 2; }), 4);
}

}  // namespace
}  // namespace compaction
