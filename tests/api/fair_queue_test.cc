#include "api/fair_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace api {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Drain(FairQueue<std::string>* queue, double cost = 1) {
  std::vector<std::string> out;
  while (!queue->empty()) {
    EXPECT_EQ(queue->Front(), queue->Front());
    out.push_back(queue->Pop(cost));
  }
  return out;
}

TEST(FairQueueTest, OfOneClientInOrderOfArrival) {
  FairQueue<std::string> queue;
  for (const char* item : {"1", "2", "3"}) queue.Push({"a", ""}, item);
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_EQ(queue.SizeOf("a"), 3u);
  EXPECT_THAT(Drain(&queue), ElementsAre("1", "2", "3"));
}

TEST(FairQueueTest, WhoeverAsksMuchWaitsForWhoeverAsksLittle) {
  FairQueue<std::string> queue;
  for (int i = 0; i < 4; ++i) queue.Push({"a", ""}, "a" + std::to_string(i));
  queue.Push({"b", ""}, "b0");
  queue.Push({"b", ""}, "b1");
  EXPECT_THAT(Drain(&queue), ElementsAre("a0", "b0", "a1", "b1", "a2", "a3"));
}

TEST(FairQueueTest, NamesMadeUpAtOneAddressShareItsTurns) {
  FairQueue<std::string> queue;
  for (int i = 0; i < 4; ++i) queue.Push({"a", "name" + std::to_string(i)}, "a" + std::to_string(i));
  for (int i = 0; i < 2; ++i) queue.Push({"b", ""}, "b" + std::to_string(i));
  EXPECT_THAT(Drain(&queue), ElementsAre("a0", "b0", "a1", "b1", "a2", "a3"));
}

TEST(FairQueueTest, ThoseAnAddressSpeaksForAreServedInTurn) {
  FairQueue<std::string> queue;
  for (int i = 0; i < 3; ++i) queue.Push({"a", "x"}, "x" + std::to_string(i));
  queue.Push({"a", "y"}, "y0");
  EXPECT_THAT(Drain(&queue), ElementsAre("x0", "y0", "x1", "x2"));
}

TEST(FairQueueTest, WhatTurnedOutDearIsChargedAfterwards) {
  FairQueue<std::string> queue;
  for (int i = 0; i < 3; ++i) queue.Push({"a", ""}, "a" + std::to_string(i));
  for (int i = 0; i < 3; ++i) queue.Push({"b", ""}, "b" + std::to_string(i));
  EXPECT_EQ(queue.Pop(1), "a0");
  queue.Charge({"a", ""}, 2.5);
  EXPECT_THAT(Drain(&queue), ElementsAre("b0", "b1", "b2", "a1", "a2"));
}

TEST(FairQueueTest, ADebtEnds) {
  FairQueue<std::string> queue;
  queue.Push({"a", ""}, "a0");
  queue.Push({"a", ""}, "a1");
  for (int i = 0; i < 50; ++i) queue.Push({"b", ""}, "b");
  queue.Pop(1e9);
  int before = 0;
  while (queue.Pop(1) != "a1") ++before;
  EXPECT_NEAR(before, FairQueue<std::string>::kMostDebt, 2);
}

TEST(FairQueueTest, Remove) {
  FairQueue<std::string> queue;
  for (const char* item : {"1", "2", "3", "4"}) queue.Push({"a", ""}, item);
  queue.Push({"b", ""}, "2");
  std::vector<std::string> out;
  queue.Remove([](const std::string& s) { return s == "2" || s == "3"; }, &out);
  EXPECT_THAT(out, ElementsAre("2", "3", "2"));
  EXPECT_EQ(queue.SizeOf("b"), 0u);
  EXPECT_THAT(Drain(&queue), ElementsAre("1", "4"));
}

}  // namespace
}  // namespace api
