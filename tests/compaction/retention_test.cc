#include "compaction/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace compaction {
namespace {

using storage::BlockMeta;
using ::testing::ElementsAre;
using ::testing::FieldsAre;
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

TEST(Retention, AShareOfTheFileSystemStandsInForASize) {
  const RetentionOptions options = {.retention_bytes = 400, .percentage = 25};
  EXPECT_EQ(LimitBytes(options, 1000), 250);
  EXPECT_EQ(LimitBytes(options, 0), 400);  // Its size is not known.
  EXPECT_THAT(FindExpired(options, kFour, 0, 1000).by_size, ElementsAre("b", "a"));
  EXPECT_THAT(FindExpired(options, kFour, 0, 1'000'000).by_size, IsEmpty());
}

TEST(Retention, ABlockGoesWithTheLastOfItsPolicies) {
  RetentionOptions options = {.retention_ms = 2000, .policies = {{{}, 1000}, {{}, 3000}}};
  Expired expired = FindExpired(options, kFour, 0);
  EXPECT_THAT(expired.by_time, ElementsAre("a"));
  EXPECT_THAT(expired.thinned,
              ElementsAre(FieldsAre("c", std::vector<bool>{true, false, false}),
                          FieldsAre("b", std::vector<bool>{true, false, true})));
  options.retention_ms = 0;  // Without a limit for the others no block goes.
  expired = FindExpired(options, kFour, 0);
  EXPECT_THAT(expired.by_time, IsEmpty());
  EXPECT_EQ(expired.thinned.size(), 3u);
  options.retention_bytes = 250;  // What goes for its size is not rewritten before.
  expired = FindExpired(options, kFour, 0);
  EXPECT_THAT(expired.by_size, ElementsAre("b", "a"));
  EXPECT_THAT(expired.thinned, ElementsAre(FieldsAre("c", std::vector<bool>{true, false, false})));
}

TEST(Retention, TheFirstPolicyThatMatchesDecides) {
  const RetentionOptions options = {
      .policies = {{{{model::Matcher::Equal("__name__", "a"), model::Matcher::Equal("job", "x")}}, 1},
                   {{{model::Matcher::Equal("job", "y")}, {model::Matcher::Equal("__name__", "a")}}, 1}}};
  const auto policy = [&](std::string name, std::string job) {
    return PolicyOf(options, model::Labels{{"__name__", name}, {"job", job}});
  };
  EXPECT_EQ(policy("a", "x"), 0u);
  EXPECT_EQ(policy("a", "z"), 1u);
  EXPECT_EQ(policy("b", "y"), 1u);
  EXPECT_EQ(policy("b", "x"), 2u);
}

TEST(Retention, ABlockOfTheFutureMakesNoOtherOld) {
  std::vector<BlockMeta> metas = kFour;
  metas.push_back(Block("future", 5000, 1'000'000));
  EXPECT_THAT(FindExpired({.retention_ms = 3001}, metas, 0, 0, 4000).by_time, IsEmpty());
  EXPECT_THAT(FindExpired({.retention_ms = 3000}, metas, 0, 0, 4000).by_time, ElementsAre("a"));
  EXPECT_THAT(FindExpired({.retention_ms = 3000}, kFour, 0, 0, 1'000'000).by_time, ElementsAre("a"));
}

TEST(Retention, WildTimesDoNotOverflow) {
  const std::vector<BlockMeta> metas = {Block("a", std::numeric_limits<int64_t>::min(), -1),
                                        Block("b", 0, std::numeric_limits<int64_t>::max())};
  EXPECT_THAT(FindExpired({.retention_ms = 1000}, metas, 0).by_time, ElementsAre("a"));
}

}  // namespace
}  // namespace compaction
