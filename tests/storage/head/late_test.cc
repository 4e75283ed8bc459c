#include "storage/head/late_samples.h"

#include <random>

#include "tests/storage/head/head_fixture.h"

namespace storage {
namespace {

using testing_support::Bits;
using testing_support::Difference;

constexpr int64_t kMinute = 60'000, kHour = 60 * kMinute;
constexpr model::TimeMs kStart = 1'700'000'000'000;

class LateTest : public HeadFixture {
 protected:
  void SetUp() override {
    HeadFixture::SetUp();
    head_->SetOutOfOrderWindow(30 * kMinute);
  }
  SampleModel Now() {
    const auto querier = head_->NewQuerier({});
    return ReadAll(querier.get());
  }
  const Labels up_{{"__name__", "up"}};
  const Labels other_{{"__name__", "other"}};
};

TEST_F(LateTest, JudgesBySpec) {
  ASSERT_EQ(AppendOne(up_, kStart, 1), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(up_, kStart, 1), Outcome::kAccepted);   // A repeat.
  EXPECT_EQ(AppendOne(up_, kStart, 2), Outcome::kDuplicate);
  EXPECT_EQ(AppendOne(up_, kStart - kMinute, 3), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(up_, kStart - kMinute, 4), Outcome::kAccepted);  // Dropped in silence.
  EXPECT_EQ(AppendOne(up_, kStart - 30 * kMinute, 5), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(up_, kStart - 30 * kMinute - 1, 6), Outcome::kTooOld);
  EXPECT_EQ(AppendOne(other_, kStart - 2 * kHour, 6), Outcome::kTooOld);
  // Not late, for it is new and within the hour.
  EXPECT_EQ(AppendOne(other_, kStart - 50 * kMinute, 7), Outcome::kAccepted);
  head_->SetOutOfOrderWindow(0);
  EXPECT_EQ(AppendOne(up_, kStart - kMinute, 3), Outcome::kOutOfOrder);
  EXPECT_EQ(AppendOne(up_, kStart - 2 * kHour, 3), Outcome::kOutOfBounds);
  EXPECT_EQ(head_->stats().late_appended, 3u);
  const SampleModel want = {
      {up_, {{kStart - 30 * kMinute, Bits(5)}, {kStart - kMinute, Bits(3)}, {kStart, Bits(1)}}},
      {other_, {{kStart - 50 * kMinute, Bits(7)}}}};
  EXPECT_EQ(Difference(Now(), want), "");
  Start();
  EXPECT_EQ(Difference(Now(), want), "");
}

TEST_F(LateTest, OneBatchIsSeenAsAWhole) {
  ASSERT_EQ(AppendOne(up_, kStart, 1), Outcome::kAccepted);
  const auto before = head_->NewQuerier({});
  ASSERT_TRUE(Append({{up_, {kStart + 1, 2}}, {up_, {kStart - 1, 0}}}).ok());
  EXPECT_EQ(Difference(ReadAll(before.get()), {{up_, {{kStart, Bits(1)}}}}), "");
  EXPECT_EQ(Difference(Now(), {{up_, {{kStart - 1, Bits(0)}, {kStart, Bits(1)}, {kStart + 1, Bits(2)}}}}),
            "");
}

TEST_F(LateTest, AClockThatRunsAheadDoesNotLockOutTheOthers) {
  constexpr model::TimeMs kNow = 1'790'000'000'000;
  class Fixed : public base::Clock {
   public:
    int64_t NowMs() const override { return kNow; }
  } clock;
  options_.clock = &clock;
  Start();
  ASSERT_EQ(AppendOne(up_, kNow + 365 * 24 * kHour, 1), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(other_, kNow, 2), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(other_, kNow + 15'000, 2), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(up_, kNow + 15'000, 2), Outcome::kAccepted);
  head_.reset();  // Before the clock.
}

TEST_F(LateTest, FlushGivesLateSamplesByWindowAndQueriersGoOnSeeingThem) {
  head_->SetOutOfOrderWindow(100 * 24 * kHour);
  ASSERT_EQ(AppendOne(up_, kStart, 1), Outcome::kAccepted);
  ASSERT_EQ(AppendOne(up_, kStart - kMinute, 2), Outcome::kAccepted);
  ASSERT_EQ(AppendOne(up_, kStart - 40 * 24 * kHour, 3), Outcome::kAccepted);
  ASSERT_EQ(AppendOne(up_, kStart - 40 * 24 * kHour - 1, 4), Outcome::kAccepted);
  const SampleModel want = Now();
  const auto before = head_->NewQuerier({});
  ASSERT_TRUE(head_->CutForFlush().ok());
  auto cursor = head_->FlushCursor();
  ASSERT_TRUE(*cursor->Next());
  EXPECT_EQ(cursor->chunks()[0].num_samples, 1);
  ASSERT_FALSE(*cursor->Next());
  const auto ranges = head_->LateRanges();
  ASSERT_EQ(ranges.size(), 2u);
  EXPECT_EQ(ranges[0].max - ranges[0].min + 1, 24 * kHour);
  EXPECT_EQ(ranges[1].max - ranges[1].min + 1, 2 * kHour);
  auto late = head_->LateCursor(ranges[0]);
  ASSERT_TRUE(*late->Next());
  EXPECT_EQ(late->chunks()[0].num_samples, 2);
  EXPECT_FALSE(*late->Next());
  ASSERT_EQ(AppendOne(up_, kStart - 2 * kMinute, 5), Outcome::kAccepted);  // Not with this flush.
  cursor.reset();
  late.reset();
  head_->DropFlushed(kNever);
  EXPECT_EQ(Difference(ReadAll(before.get()), want), "");
  EXPECT_EQ(Difference(Now(), {{up_, {{kStart - 2 * kMinute, Bits(5)}}}}), "");
}

}  // namespace
}  // namespace storage
