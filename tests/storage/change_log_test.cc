#include "storage/change_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <thread>

namespace storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Kind = ChangeLog::Change::Kind;
using Range = model::TimeRange;

constexpr auto kAtOnce = std::chrono::nanoseconds(0);
constexpr auto kNever = std::chrono::hours(1);

void Samples(ChangeLog* log, Range range) { ChangeLog::Change change(log, range, Kind::kSamples); }
void Apart(ChangeLog* log, Range range) { ChangeLog::Change change(log, range); }

TEST(ChangeLog, TellsWhatChangedSinceAVersionAndNotBefore) {
  ChangeLog log(kAtOnce);
  EXPECT_THAT(log.Since(log.Now()), IsEmpty());
  Samples(&log, {1'000'000, 1'000'000});
  const auto second = log.Now();
  EXPECT_THAT(log.Since(second), IsEmpty());
  Samples(&log, {2'000'000, 2'000'500});
  EXPECT_THAT(log.Since(second), ElementsAre(Range{2'000'000, 2'000'500}));
  EXPECT_THAT(log.Since(0), ElementsAre(Range{1'000'000, 1'000'000}, Range{2'000'000, 2'000'500}));
}

TEST(ChangeLog, WhatIsUnderWayIsToldBeforeItEndsAndAfter) {
  ChangeLog log(kAtOnce);
  const auto before = log.Now();
  auto change = std::make_unique<ChangeLog::Change>(&log, Range{5, 5}, Kind::kSamples);
  // Somebody who looks now may see it already; somebody who reads now may not see it yet.
  EXPECT_THAT(log.Since(before), SizeIs(1));
  const auto during = log.Now();
  change.reset();
  EXPECT_THAT(log.Since(during), ElementsAre(Range{5, 5}));
  EXPECT_THAT(log.Since(log.Now()), IsEmpty());
}

TEST(ChangeLog, SamplesThatNobodyAsksAboutAreOneEntry) {
  ChangeLog log(kAtOnce);
  for (int i = 0; i < 1000; ++i) Samples(&log, {i, i});
  EXPECT_EQ(log.entries(), 1u);
  EXPECT_THAT(log.Since(0), ElementsAre(Range{0, 999}));
}

TEST(ChangeLog, WithinTheFoldingTimeAVersionStandsForALittleMore) {
  ChangeLog log(kNever);
  Samples(&log, {1, 1});
  const auto version = log.Now();
  Samples(&log, {500'000, 500'000});
  EXPECT_EQ(log.entries(), 1u);
  EXPECT_THAT(log.Since(version), ElementsAre(Range{1, 500'000}));
}

TEST(ChangeLog, ASeldomChangeIsNotTakenTogetherWithSamples) {
  ChangeLog log(kNever);
  const auto version = log.Now();
  Samples(&log, {90'000'000, 90'000'000});
  Apart(&log, {0, 1000});
  Samples(&log, {90'001'000, 90'001'000});
  EXPECT_THAT(log.Since(version), ElementsAre(Range{0, 1000}, Range{90'000'000, 90'001'000}));
}

TEST(ChangeLog, AllTimeIsATime) {
  ChangeLog log;
  const auto version = log.Now();
  Apart(&log, {});
  Apart(&log, {5, 6});
  EXPECT_THAT(log.Since(version), ElementsAre(Range{}));
}

TEST(ChangeLog, NothingIsNoChange) {
  ChangeLog log;
  Apart(&log, Range::None());
  EXPECT_EQ(log.entries(), 0u);
}

// However long it lasts it stays small, and what it leaves out is only how exactly it knows.
TEST(ChangeLog, IsBoundedAndNeverSaysTooLittle) {
  std::mt19937 random(7);
  ChangeLog log(kAtOnce);
  std::vector<std::pair<ChangeLog::Version, Range>> all;
  for (int i = 0; i < 10'000; ++i) {
    const model::TimeMs at = i * 15'000 - (random() % 50 == 0 ? random() % 100'000'000 : 0);
    const Range range{at, at + 10};
    all.emplace_back(log.Now(), range);
    random() % 10 == 0 ? Apart(&log, range) : Samples(&log, range);
  }
  EXPECT_LE(log.entries(), ChangeLog::kMaxEntries);
  for (size_t i = 0; i < all.size(); i += 97) {
    const auto told = log.Since(all[i].first);
    for (size_t k = i; k < all.size(); ++k) {
      ASSERT_TRUE(std::any_of(told.begin(), told.end(), [&](const Range& range) {
        return range.min <= all[k].second.min && all[k].second.max <= range.max;
      })) << i << " " << k;
    }
  }
  // Of lately it knows exactly.
  const auto told = log.Since(all[all.size() - 5].first);
  for (const Range& range : told) EXPECT_LT(range.max - range.min, 100'000'000);
}

TEST(ChangeLog, ManyMayTellAndAskAtATime) {
  ChangeLog log(kAtOnce);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        const auto version = log.Now();
        const model::TimeMs at = (t * 2000 + i) * int64_t{1'000'000};
        Samples(&log, {at, at});
        const auto told = log.Since(version);
        ASSERT_TRUE(std::any_of(told.begin(), told.end(),
                                [&](const Range& range) { return range.Contains(at); }));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace storage
