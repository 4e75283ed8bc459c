#include "storage/base/memory_meter.h"

#include <atomic>
#include <memory>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/base/status.h"

namespace base {
namespace {

using Scope = MemoryMeter::Scope;

constexpr int64_t kMiB = 1 << 20;

std::unique_ptr<char[]> Take(int64_t bytes) {
  auto taken = std::make_unique_for_overwrite<char[]>(static_cast<size_t>(bytes));
  // As something that might be read, or the compiler leaves both new and delete out.
  asm volatile("" : : "r"(taken.get()) : "memory");
  return taken;
}

class MemoryMeterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!MemoryMeter::Counts()) GTEST_SKIP() << "built without jemalloc";
  }
};

TEST_F(MemoryMeterTest, CountsWhatItsThreadsHold) {
  MemoryPool pool;
  {
    MemoryMeter meter(&pool);
    EXPECT_EQ(pool.active(), 1);
    std::unique_ptr<char[]> mine, others, before = Take(5 * kMiB);
    {
      const Scope scope(&meter);
      EXPECT_EQ(MemoryMeter::OfThread(), &meter);
      mine = Take(3 * kMiB);
      Take(50 * kMiB);  // And freed.
      std::thread([&] {
        const Scope scope(&meter);
        others = Take(2 * kMiB);
      }).join();
      ASSERT_TRUE(MemoryMeter::Check().ok());
      EXPECT_NEAR(meter.used_bytes(), 5 * kMiB, kMiB / 2);
    }
    EXPECT_EQ(MemoryMeter::OfThread(), nullptr);
    std::unique_ptr<char[]> nobodys = Take(7 * kMiB);
    {
      const Scope scope(&meter);
      others.reset();  // Whoever frees it.
    }
    EXPECT_NEAR(meter.used_bytes(), 3 * kMiB, kMiB / 2);
    EXPECT_NEAR(meter.peak_bytes(), 5 * kMiB, kMiB / 2);
    EXPECT_EQ(pool.used_bytes(), meter.used_bytes());
  }
  EXPECT_EQ(pool.used_bytes(), 0);
  EXPECT_EQ(pool.active(), 0);
}

TEST_F(MemoryMeterTest, LeavesOutWhatIsNobodys) {
  MemoryPool pool;
  MemoryMeter meter(&pool);
  std::unique_ptr<char[]> cached, mine;
  {
    const Scope scope(&meter);
    mine = Take(kMiB);
    {
      const Scope cache(nullptr);
      cached = Take(9 * kMiB);
      EXPECT_TRUE(MemoryMeter::Check().ok());
    }
  }
  EXPECT_NEAR(meter.used_bytes(), kMiB, kMiB / 4);
}

TEST_F(MemoryMeterTest, OneInsideAnotherIsItsOwn) {
  MemoryPool pool;
  MemoryMeter outer(&pool), inner(&pool);
  std::unique_ptr<char[]> a, b;
  {
    const Scope scope(&outer);
    a = Take(2 * kMiB);
    {
      const Scope scope2(&inner);
      b = Take(4 * kMiB);
    }
  }
  EXPECT_NEAR(outer.used_bytes(), 2 * kMiB, kMiB / 4);
  EXPECT_NEAR(inner.used_bytes(), 4 * kMiB, kMiB / 4);
}

TEST_F(MemoryMeterTest, RefusesOneThatTakesTooMuch) {
  MemoryPool pool({.request_bytes = 4 * kMiB});
  MemoryMeter meter(&pool);
  const Scope scope(&meter);
  const auto some = Take(3 * kMiB);
  EXPECT_TRUE(MemoryMeter::Check().ok());
  {
    const auto more = Take(2 * kMiB);
    const absl::Status status = MemoryMeter::Check();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(std::string(message(status)), ::testing::HasSubstr("4.0 MiB"));
    EXPECT_FALSE(MemoryMeter::Check().ok());
  }
  EXPECT_EQ(pool.refused(), 1u) << "once for a request";
  EXPECT_TRUE(MemoryMeter::Check().ok());
}

TEST_F(MemoryMeterTest, WhenAllTakeTooMuchTheLargeOnesEnd) {
  MemoryPool pool({.total_bytes = 10 * kMiB});
  MemoryMeter large(&pool), small(&pool);
  std::unique_ptr<char[]> a, b;
  {
    const Scope scope(&small);
    b = Take(2 * kMiB);
    EXPECT_TRUE(MemoryMeter::Check().ok());
  }
  {
    const Scope scope(&large);
    a = Take(9 * kMiB);
    const absl::Status status = MemoryMeter::Check();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(std::string(message(status)), ::testing::HasSubstr("--storage.memory-limit"));
  }
  {
    const Scope scope(&small);
    EXPECT_TRUE(MemoryMeter::Check().ok());
  }
  EXPECT_EQ(pool.refused(), 1u);
}

TEST_F(MemoryMeterTest, WhatIsAboutToBeTakenCounts) {
  MemoryPool pool({.request_bytes = 4 * kMiB});
  MemoryMeter meter(&pool);
  const Scope scope(&meter);
  EXPECT_TRUE(MemoryMeter::Check(3 * kMiB).ok());
  EXPECT_FALSE(MemoryMeter::Check(5 * kMiB).ok());
  EXPECT_TRUE(MemoryMeter::Check().ok()) << "nothing was taken";
}

TEST_F(MemoryMeterTest, WithoutRoomInTheProcessLargeOnesEnd) {
  std::atomic<int64_t> room = 100 * kMiB;
  MemoryPool pool({.total_bytes = 20 * kMiB, .room = [&room] { return room.load(); }});
  MemoryMeter meter(&pool);
  const Scope scope(&meter);
  const auto some = Take(5 * kMiB);
  EXPECT_TRUE(MemoryMeter::Check().ok());
  EXPECT_EQ(pool.allowed_bytes(), 20 * kMiB);
  room = -2 * kMiB;
  pool.LookForRoom();
  EXPECT_NEAR(pool.allowed_bytes(), 3 * kMiB, kMiB / 2);
  const absl::Status status = MemoryMeter::Check();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(message(status)), ::testing::HasSubstr("--storage.memory-limit"));
  MemoryMeter small(&pool);
  const Scope scope2(&small);
  const auto little = Take(kMiB / 2);
  EXPECT_TRUE(MemoryMeter::Check().ok()) << "small ones go on";
}

// Answers as it is told.
class FakeTurn : public Turn {
 public:
  absl::Status Check(int64_t) override { return status; }
  absl::Status OutOfRoom() override { return out_of_room; }
  bool put_off() const override { return !out_of_room.ok(); }
  absl::Status status, out_of_room;
};

TEST_F(MemoryMeterTest, AsksItsTurn) {
  MemoryPool pool({.total_bytes = 2 * kMiB});
  FakeTurn turn;
  MemoryMeter meter(&pool, &turn);
  const Scope scope(&meter);
  EXPECT_TRUE(MemoryMeter::Check().ok());
  EXPECT_FALSE(MemoryMeter::PutOff());
  turn.status = Cancelled("gone");
  EXPECT_TRUE(absl::IsCancelled(MemoryMeter::Check()));
  turn.status = absl::OkStatus();
  const auto some = Take(3 * kMiB);
  EXPECT_TRUE(absl::IsResourceExhausted(MemoryMeter::Check()));
  turn.out_of_room = Cancelled("later");
  EXPECT_TRUE(absl::IsCancelled(MemoryMeter::Check()));
  EXPECT_TRUE(MemoryMeter::PutOff());
}

}  // namespace
}  // namespace base
