#include "storage/head/series.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/head/head_selection.h"

namespace storage {
namespace {

using ::testing::ElementsAre;

TEST(Isolation, ASnapshotSeesWhatWasCompleteThen) {
  Isolation isolation;
  const CommitSeq a = isolation.Begin(), b = isolation.Begin();
  isolation.End(b);
  const CommitSnapshot snapshot = isolation.Open();
  EXPECT_FALSE(snapshot.Sees(a));
  EXPECT_TRUE(snapshot.Sees(b));
  EXPECT_EQ(isolation.settled(), 0u);
  isolation.End(a);
  EXPECT_FALSE(snapshot.Sees(a));
  EXPECT_FALSE(snapshot.Sees(isolation.Begin()));
  EXPECT_EQ(isolation.settled(), 0u);  // The snapshot still needs to tell.
  isolation.Close(snapshot);
  EXPECT_EQ(isolation.settled(), b);
}

TEST(Gate, TellsTheOldestInside) {
  Gate gate;
  const Generation first = gate.Enter();
  EXPECT_EQ(gate.Advance(), first);
  {
    const GatePass pass(&gate);
    EXPECT_EQ(pass.generation(), first + 1);
    EXPECT_EQ(gate.oldest(), first);
    gate.Leave(first);
    gate.Advance();
    EXPECT_EQ(gate.oldest(), first + 1);
  }
  EXPECT_EQ(gate.oldest(), first + 2);
}

TEST(MemSeries, ForgetsCommitsThatEverybodySees) {
  MemSeries series;
  HeadDelta delta;
  for (CommitSeq seq = 1; seq <= 100; ++seq) {
    series.Append({static_cast<int64_t>(seq), 1}, seq, /*settled=*/seq - 1, &delta);
  }
  EXPECT_EQ(series.older_commits, nullptr);
  for (CommitSeq seq = 101; seq <= 110; ++seq) {
    series.Append({static_cast<int64_t>(seq), 1}, seq, /*settled=*/99, &delta);
  }
  EXPECT_EQ(series.older_commits->size(), 10u);
  EXPECT_EQ(FindHidden(series, {105, {}}).tail, 5u);
  EXPECT_EQ(FindHidden(series, {99, {}}).tail, 11u);
  EXPECT_EQ(FindHidden(series, {110, {}}).tail, 0u);
  series.Append({111, 1}, 111, /*settled=*/110, &delta);
  EXPECT_EQ(series.older_commits, nullptr);
  EXPECT_EQ(delta.samples, 111);
}

TEST(MemSeries, CountsTheMemoryOfItsChunks) {
  MemSeries series;
  HeadDelta delta;
  for (int i = 0; i < 1000; ++i) series.Append({i, i * 0.1}, 0, 0, &delta);
  series.Seal(&delta);
  EXPECT_EQ(delta.chunks, 9);
  EXPECT_GT(delta.bytes, 1000);
  std::vector<ChunkPtr> taken;
  series.TakeSealed(series.num_sealed(), &taken, &delta);
  EXPECT_EQ(taken.size(), 9u);
  EXPECT_EQ(delta.chunks, 0);
  EXPECT_EQ(delta.samples, 0);
  EXPECT_EQ(delta.bytes, 0);
  EXPECT_FALSE(series.HasSamples());
  EXPECT_TRUE(series.Judge({999, 999 * 0.1}, {}).repeat);  // Still known.
  EXPECT_EQ(series.Judge({999, 0}, {}).outcome, Outcome::kDuplicate);
}

TEST(HeadSelection, LeavesOutAnUnfinishedCommitBetweenFinishedOnes) {
  Head::Parts parts(HeadOptions{});
  const model::Labels labels{{"a", "b"}};
  MemSeries* series = parts.NewSeries(SeriesRef{1}, parts.Hash(labels), labels);
  HeadDelta delta;
  for (int i = 0; i < 200; ++i) series->Append({i, 1}, 0, 0, &delta);
  series->Append({1000, 1}, 2, 0, &delta);  // Commit 2 comes first, and is under way still.
  series->Append({1001, 1}, 1, 0, &delta);
  series->Append({1002, 1}, 3, 0, &delta);
  series->Append({1003, 1}, 4, 0, &delta);

  HeadSelection selection(1);
  selection.Add(series, {3, {2}}, nullptr, {150, 5000});
  selection.Finish(&parts.order, parts.index);
  ASSERT_EQ(selection.size(), 1);
  EXPECT_EQ(selection.labels(0), labels.view());
  chunk::SampleColumns columns;
  ASSERT_TRUE(selection.Read(0, {198, 5000}, &columns).ok());
  EXPECT_THAT(columns.times, ElementsAre(198, 199, 1001, 1002));
  parts.map.pool()->Delete(series);
}

}  // namespace
}  // namespace storage
