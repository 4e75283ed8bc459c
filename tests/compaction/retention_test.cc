#include "compaction/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace compaction {
namespace {

using storage::BlockMeta;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

BlockMeta Block(std::string ulid, model::TimeMs min, model::TimeMs max, uint64_t bytes = 100) {
  BlockMeta meta;
  meta.ulid = std::move(ulid);
  meta.range = {min, max};
  meta.bytes = bytes;
  return meta;
}

const std::vector<BlockMeta> kFour = {Block("a", 0, 1000), Block("b", 1000, 2000),
                                      Block("c", 2000, 3000), Block("d", 3000, 4000)};

TEST(Retention, NoLimitKeepsAll) {
  const Expired expired = FindExpired({}, kFour, 1 << 30);
  EXPECT_THAT(expired.by_time, IsEmpty());
  EXPECT_THAT(expired.by_size, IsEmpty());
}

TEST(Retention, TimeCountsFromTheNewestBlockAndIncludesTheLimit) {
  EXPECT_THAT(FindExpired({.retention_ms = 3001}, kFour, 0).by_time, IsEmpty());
  EXPECT_THAT(FindExpired({.retention_ms = 3000}, kFour, 0).by_time, ElementsAre("a"));
  EXPECT_THAT(FindExpired({.retention_ms = 1500}, kFour, 0).by_time, ElementsAre("b", "a"));
}

TEST(Retention, TheNewestBlockStaysHoweverShortTheTime) {
  EXPECT_THAT(FindExpired({.retention_ms = 1}, kFour, 0).by_time, ElementsAre("c", "b", "a"));
}

TEST(Retention, SizeKeepsTheNewestThatFitTogetherWithTheLog) {
  EXPECT_THAT(FindExpired({.retention_bytes = 400}, kFour, 0).by_size, IsEmpty());
  EXPECT_THAT(FindExpired({.retention_bytes = 400}, kFour, 1).by_size, ElementsAre("a"));
  EXPECT_THAT(FindExpired({.retention_bytes = 250}, kFour, 0).by_size, ElementsAre("b", "a"));
  EXPECT_THAT(FindExpired({.retention_bytes = 50}, kFour, 0).by_size,
              ElementsAre("d", "c", "b", "a"));
}

TEST(Retention, ASmallOldBlockDoesNotSlipThroughBehindALargeOne) {
  const std::vector<BlockMeta> metas = {Block("tiny", 0, 1, 1), Block("huge", 1, 2, 1000),
                                        Block("new", 2, 3, 100)};
  EXPECT_THAT(FindExpired({.retention_bytes = 500}, metas, 0).by_size, ElementsAre("huge", "tiny"));
}

TEST(Retention, WhatTimeTakesDoesNotCountForSize) {
  const Expired expired = FindExpired({.retention_ms = 1500, .retention_bytes = 150}, kFour, 0);
  EXPECT_THAT(expired.by_time, ElementsAre("b", "a"));
  EXPECT_THAT(expired.by_size, ElementsAre("c"));
}

TEST(Retention, WildTimesDoNotOverflow) {
  const std::vector<BlockMeta> metas = {Block("a", std::numeric_limits<int64_t>::min(), -1),
                                        Block("b", 0, std::numeric_limits<int64_t>::max())};
  EXPECT_THAT(FindExpired({.retention_ms = 1000}, metas, 0).by_time, ElementsAre("a"));
}

}  // namespace
}  // namespace compaction
