#include "api/query_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include <absl/synchronization/notification.h>
#include <absl/time/clock.h>

#include "storage/base/status.h"

namespace api {
namespace {

using ::testing::HasSubstr;

// Asks again and again, as a query without end does; how it ended.
absl::Status RunUntilStopped(QueryPool::Ticket* ticket, const std::atomic<bool>* end = nullptr) {
  while (end == nullptr || !*end) {
    if (absl::Status status = ticket->Check(0); !status.ok()) return status;
  }
  return absl::OkStatus();
}

class QueryPoolTest : public ::testing::Test {
 protected:
  QueryPoolTest() { options_.cores = 1; }
  ~QueryPoolTest() override {
    end_ = true;
    gone_ = true;
    pool_ = nullptr;
  }
  void Start() { pool_ = std::make_unique<QueryPool>(options_); }

  // Runs until the end of the test, or its client is gone; counted when it was answered.
  QueryPool::Job Hog(uint64_t fingerprint = 0) {
    return {.client = {"hog", ""},
            .fingerprint = fingerprint,
            .cancelled = &gone_,
            .run =
                [this](QueryPool::Ticket* ticket) {
                  ++begun_;
                  const absl::Status status = RunUntilStopped(ticket, &end_);
                  if (!ticket->put_off()) ++answered_;
                  EXPECT_TRUE(status.ok() || !end_ || ticket->put_off() || gone_) << status;
                },
            .refuse = [this](const absl::Status&) { ++refused_; }};
  }
  // The seconds until one that takes nothing is answered.
  double Ask(uint64_t fingerprint = 0, std::string address = "calm") {
    absl::Notification done;
    const absl::Time begin = absl::Now();
    pool_->Submit({.client = {std::move(address), ""},
                   .fingerprint = fingerprint,
                   .run = [&](QueryPool::Ticket*) { done.Notify(); },
                   .refuse = [](const absl::Status& status) { ADD_FAILURE() << status; }});
    done.WaitForNotification();
    return absl::ToDoubleSeconds(absl::Now() - begin);
  }
  template <class Condition>
  bool Eventually(Condition condition, absl::Duration patience = absl::Seconds(60)) {
    for (const absl::Time end = absl::Now() + patience; absl::Now() < end;) {
      if (condition()) return true;
      absl::SleepFor(absl::Milliseconds(2));
    }
    return condition();
  }

  QueryPoolOptions options_;
  std::atomic<bool> end_{false}, gone_{false};
  std::atomic<int> begun_{0}, answered_{0}, refused_{0};
  std::unique_ptr<QueryPool> pool_;
};

TEST_F(QueryPoolTest, CheapOnesAreAnsweredWhileDearOnesRun) {
  Start();
  for (int i = 0; i < 32; ++i) pool_->Submit(Hog());
  // All have had what a new one may have, and all but three (a core and two more) wait to run anew.
  ASSERT_TRUE(Eventually([&] {
    const QueryPoolStats stats = pool_->stats();
    return stats.waiting[kNew] == 0 && stats.running[kNew] == 0;
  }));
  const QueryPoolStats stats = pool_->stats();
  EXPECT_LE(stats.running[kModest] + stats.running[kDear] + stats.running[kDearer] +
                stats.running[kDearest],
            3);
  EXPECT_GE(stats.put_off, 29u);
  for (uint64_t i = 0; i < 50; ++i) EXPECT_LT(Ask(i), 10);
}

TEST_F(QueryPoolTest, WhatWasPutOffIsAnsweredOnce) {
  Start();
  for (int i = 0; i < 8; ++i) pool_->Submit(Hog());
  ASSERT_TRUE(Eventually([&] { return pool_->stats().put_off >= 5; }));
  end_ = true;
  ASSERT_TRUE(Eventually([&] { return answered_ == 8; }));
  EXPECT_GT(begun_, 8);
  EXPECT_EQ(refused_, 0);
}

TEST_F(QueryPoolTest, TheLikeOfADearOneWaitsWithTheDear) {
  Start();
  constexpr uint64_t kDearKind = 7;
  pool_->Submit(Hog(kDearKind));
  ASSERT_TRUE(Eventually([&] { return pool_->stats().running[kDear] == 1; }));
  end_ = true;
  ASSERT_TRUE(Eventually([&] { return answered_ == 1; }));
  end_ = false;
  for (int i = 0; i < 6; ++i) pool_->Submit(Hog());
  ASSERT_TRUE(Eventually([&] {
    const QueryPoolStats stats = pool_->stats();
    return stats.running[kNew] == 0 && stats.running[kDear] + stats.running[kDearer] >= 1 &&
           stats.waiting[kDear] + stats.waiting[kModest] >= 3;
  }));
  std::atomic<bool> started{false};
  QueryPool::Job like = Hog(kDearKind);
  like.run = [&](QueryPool::Ticket*) { started = true; };
  pool_->Submit(std::move(like));
  EXPECT_LT(Ask(), 10);
  EXPECT_FALSE(started);
  end_ = true;
  EXPECT_TRUE(Eventually([&] { return started.load(); }));
}

TEST_F(QueryPoolTest, TooManyThatWaitAreRefused) {
  options_.max_waiting = 4;
  Start();
  for (int i = 0; i < 40; ++i) pool_->Submit(Hog());
  EXPECT_GT(refused_, 20);
  EXPECT_EQ(pool_->stats().refused_full, static_cast<uint64_t>(refused_));
  absl::Status status;
  pool_->Submit({.client = {"hog", ""},
                 .run = [](QueryPool::Ticket*) {},
                 .refuse = [&](const absl::Status& refused) { status = refused; }});
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(base::message(status)), HasSubstr("--query.max-waiting"));
  EXPECT_LT(Ask(0, "another address"), 10) << "the last quarter is for others";
}

TEST_F(QueryPoolTest, WaitingEndsWithTheTime) {
  options_.timeout = absl::Milliseconds(300);
  Start();
  std::atomic<int> late{0};
  for (int i = 0; i < 20; ++i) {
    pool_->Submit({.client = {"hog", ""},
                   .run =
                       [&](QueryPool::Ticket* ticket) {
                         const absl::Status status = RunUntilStopped(ticket);
                         if (ticket->put_off()) return;
                         EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
                         EXPECT_THAT(std::string(base::message(status)), HasSubstr("--query.timeout"));
                         ++late;
                       },
                   .refuse =
                       [&](const absl::Status& status) {
                         EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
                         ++late;
                       }});
  }
  EXPECT_TRUE(Eventually([&] {
    pool_->Sweep();
    return late == 20;
  }));
  EXPECT_GT(pool_->stats().timed_out, 0u);
}

TEST_F(QueryPoolTest, WaitingEndsWhenTheClientHasGone) {
  Start();
  for (int i = 0; i < 20; ++i) pool_->Submit(Hog());
  gone_ = true;
  EXPECT_TRUE(Eventually([&] {
    pool_->Sweep();
    return answered_ + refused_ == 20;
  }));
  EXPECT_EQ(pool_->stats().waiting[kNew], 0);
}

TEST_F(QueryPoolTest, WithoutRoomOneTriesOnceMore) {
  base::MemoryPool memory({.total_bytes = 1 << 20});
  options_.memory = &memory;
  Start();
  pool_->Submit(Hog());  // Others that hold memory.
  ASSERT_TRUE(Eventually([&] { return begun_ == 1; }));
  std::atomic<int> runs{0};
  absl::Notification done;
  absl::Status last;
  pool_->Submit({.client = {"b", ""},
                 .run =
                     [&](QueryPool::Ticket* ticket) {
                       ++runs;
                       last = ticket->OutOfRoom();
                       if (!ticket->put_off()) done.Notify();
                     },
                 .refuse = [](const absl::Status& status) { ADD_FAILURE() << status; }});
  done.WaitForNotification();
  EXPECT_EQ(runs, 2);
  EXPECT_TRUE(last.ok()) << "then it is refused";
}

TEST_F(QueryPoolTest, OnePlaceIsEnough) {
  options_.max_concurrency = 1;
  Start();
  for (int i = 0; i < 4; ++i) pool_->Submit(Hog());
  EXPECT_LT(Ask(), 20);
}

TEST(CostClassTest, GrowsWithTimeAndMemory) {
  EXPECT_EQ(ClassOf(0.05, 1 << 20, 0), kCheap);
  EXPECT_EQ(ClassOf(0.2, 0, 0), kModest);
  EXPECT_EQ(ClassOf(2, 0, 0), kDear);
  EXPECT_EQ(ClassOf(4, 0, 0), kDearer);
  EXPECT_EQ(ClassOf(30, 0, 0), kDearest);
  EXPECT_EQ(ClassOf(0, 1 << 20, 64 << 20), kCheap);
  EXPECT_EQ(ClassOf(0, 3 << 20, 64 << 20), kModest);
  EXPECT_EQ(ClassOf(0, 5 << 20, 64 << 20), kDear);
  EXPECT_EQ(ClassOf(0, 40 << 20, 64 << 20), kDearer);
}

TEST(CostClassTest, TheFingerprintLeavesOutWhen) {
  const auto of = [](Pairs params) {
    return FingerprintOf({.path = "/api/v1/query_range", .params = std::move(params)});
  };
  const auto a = of({{"query", "up"}, {"start", "1000"}, {"end", "4600"}, {"step", "15"}});
  EXPECT_EQ(a, of({{"query", "up"}, {"start", "1030"}, {"end", "4630"}, {"step", "15"}}));
  EXPECT_NE(a, of({{"query", "up"}, {"start", "1000"}, {"end", "99000"}, {"step", "15"}}));
  EXPECT_NE(a, of({{"query", "up"}, {"start", "1000"}, {"end", "4600"}, {"step", "1"}}));
  EXPECT_NE(a, of({{"query", "down"}, {"start", "1000"}, {"end", "4600"}, {"step", "15"}}));
}

TEST(CostClassTest, HistoryKnowsTheLastOne) {
  CostHistory history;
  EXPECT_EQ(history.Find(5), kNew);
  history.Note(5, kDearest);
  EXPECT_EQ(history.Find(5), kDearest);
  history.Note(5 + 4096, kCheap);
  EXPECT_EQ(history.Find(5), kDearest) << "a cheap one does not push it out";
  history.Note(5, kCheap);
  EXPECT_EQ(history.Find(5), kCheap);
}

}  // namespace
}  // namespace api
