#include "storage/head/series.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "storage/chunk/histogram_columns.h"
#include "storage/head/head_selection.h"
#include "storage/head/histogram_bytes.h"

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
  EXPECT_EQ(isolation.horizon().settled, 0u);
  isolation.End(a);
  EXPECT_FALSE(snapshot.Sees(a));
  EXPECT_FALSE(snapshot.Sees(isolation.Begin()));
  EXPECT_EQ(isolation.horizon().settled, 0u);  // The snapshot still needs to tell.
  isolation.Close(snapshot);
  EXPECT_EQ(isolation.horizon().settled, b);
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
    series.Append({static_cast<int64_t>(seq), 1}, seq, {.settled = seq - 1}, &delta);
  }
  EXPECT_EQ(series.older_commits, nullptr);
  for (CommitSeq seq = 101; seq <= 110; ++seq) {
    series.Append({static_cast<int64_t>(seq), 1}, seq, {.settled = 99}, &delta);
  }
  EXPECT_EQ(series.older_commits->size(), 10u);
  EXPECT_EQ(FindHidden(series, {105, {}}).tail, 5u);
  EXPECT_EQ(FindHidden(series, {99, {}}).tail, 11u);
  EXPECT_EQ(FindHidden(series, {110, {}}).tail, 0u);
  series.Append({111, 1}, 111, {.settled = 110}, &delta);
  EXPECT_EQ(series.older_commits, nullptr);
  EXPECT_EQ(delta.samples, 111);
}

TEST(MemSeries, CommitsBehindAHeldSnapshotAreOneRun) {
  Isolation isolation;
  MemSeries series;
  HeadDelta delta;
  int64_t t = 0;
  const auto commit = [&] {
    const CommitSeq seq = isolation.Begin();
    series.Append({++t, 1}, seq, isolation.horizon(), &delta);
    isolation.End(seq);
  };
  commit();
  {
    const HeldSnapshot cut(&isolation);
    for (int i = 0; i < 100; ++i) commit();
    EXPECT_EQ(FindHidden(series, *cut).tail, 100u);
    EXPECT_EQ(series.older_commits->size(), 1u);
    const HeldSnapshot later(&isolation);
    for (int i = 0; i < 100; ++i) commit();
    EXPECT_EQ(FindHidden(series, *cut).tail, 200u);
    EXPECT_EQ(FindHidden(series, *later).tail, 100u);
    EXPECT_EQ(series.older_commits->size(), 3u);  // The one that came just before `later` is apart.
  }
  commit();
  EXPECT_EQ(series.older_commits, nullptr);
}

// Commits that overlap, each one or more samples of a series, and snapshots that come and go.
TEST(MemSeries, HidesFromEachSnapshotWhatItMustNotSee) {
  struct Commit {
    CommitSeq seq;
    CommitHorizon horizon;  // Taken some time before it comes to the series.
  };
  std::mt19937 random(5);
  const auto one_of = [&](const auto& list) { return random() % list.size(); };
  for (int round = 0; round < 300; ++round) {
    Isolation isolation;
    MemSeries series;
    HeadDelta delta;
    std::vector<CommitSeq> all;  // Of the samples, oldest first.
    std::vector<Commit> begun, applied;
    std::vector<CommitSnapshot> open;
    const size_t most_open = random() % 4, most_begun = 1 + random() % 4;
    for (int step = 0; step < 200; ++step) {
      switch (random() % 6) {
        case 0:
          if (open.size() < most_open) open.push_back(isolation.Open());
          break;
        case 1:
          if (open.empty() || random() % 3 != 0) break;
          std::swap(open[one_of(open)], open.back());
          isolation.Close(open.back());
          open.pop_back();
          break;
        case 2:
          if (begun.size() + applied.size() >= most_begun) break;
          begun.push_back({isolation.Begin(), {}});
          begun.back().horizon = isolation.horizon();
          break;
        case 3:
        case 4: {
          if (begun.empty()) break;
          std::swap(begun[one_of(begun)], begun.back());
          for (size_t n = 1 + random() % 2; n > 0; --n) {
            all.push_back(begun.back().seq);
            series.Append({static_cast<int64_t>(all.size()), 1}, begun.back().seq,
                          begun.back().horizon, &delta);
          }
          applied.push_back(begun.back());
          begun.pop_back();
          break;
        }
        case 5:
          if (applied.empty()) break;
          std::swap(applied[one_of(applied)], applied.back());
          isolation.End(applied.back().seq);
          applied.pop_back();
          break;
      }
      for (const CommitSnapshot& snapshot : open) {
        const Hidden hidden = FindHidden(series, snapshot);
        const size_t newest = std::max(hidden.tail, hidden.scattered.size());
        for (size_t i = 0; i < all.size(); ++i) {
          const size_t from_end = all.size() - i;
          bool seen = from_end > newest;
          if (!seen && !hidden.scattered.empty()) seen = hidden.scattered[newest - from_end];
          ASSERT_EQ(seen, snapshot.Sees(all[i])) << round << " " << step << " " << i;
        }
      }
    }
    for (const CommitSnapshot& snapshot : open) isolation.Close(snapshot);
  }
}

TEST(MemSeries, CountsTheMemoryOfItsChunks) {
  MemSeries series;
  HeadDelta delta;
  for (int i = 0; i < 1000; ++i) series.Append({i, i * 0.1}, 0, {}, &delta);
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

// Of any mix of kinds, at any place, again and again.
TEST(MemSeries, SplitsOffItsNewestSamples) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 2000; ++round) {
    MemSeries series;
    HeadDelta delta;
    std::vector<std::pair<model::TimeMs, uint64_t>> all;  // Values as bits or fingerprints.
    model::TimeMs t = 0;
    const auto append = [&](size_t n) {
      const bool histograms = random() % 2 == 0;
      for (; n > 0; --n) {
        t += 1 + static_cast<int64_t>(random() % 20'000);
        model::Sample sample{t, static_cast<double>(random() % 1000) / (1 + round % 3)};
        if (random() % 20 == 0) sample.v = model::StaleNan();
        if (histograms) {
          model::Histogram h;
          h.count = random() % 50;
          h.zero_count = h.count;
          h.sum = sample.v;
          if (model::IsStaleNan(h.sum)) h = {}, h.sum = model::StaleNan();
          sample.v = Fingerprint(h);
          ASSERT_TRUE(series.AppendHistogram(sample, h, 0, {}, &delta));
        } else {
          ASSERT_TRUE(series.Append(sample, 0, {}, &delta));
        }
        all.emplace_back(sample.t, std::bit_cast<uint64_t>(series.last_v));
      }
    };
    for (int step = 0; step < 3; ++step) {
      append(random() % 150);
      append(random() % 5);
      const size_t newest = std::min(all.size(), random() % (random() % 2 ? 4 : 400));
      std::vector<std::pair<model::TimeMs, uint64_t>> found;
      const auto read = [&](const chunk::ChunkView& view) {
        chunk::MixedColumns columns;
        ASSERT_TRUE(chunk::Decode(view, {}, &columns).ok());
        ASSERT_EQ(static_cast<int>(columns.size()), view.num_samples);
        ASSERT_EQ(view.num_samples, static_cast<uint8_t>(view.bytes[0]) << 8 |
                                        static_cast<uint8_t>(view.bytes[1]));
        for (size_t i = 0; i < columns.floats.size(); ++i) {
          found.emplace_back(columns.floats.times[i],
                             std::bit_cast<uint64_t>(columns.floats.values[i]));
        }
        for (size_t i = 0; i < columns.histograms.size(); ++i) {
          found.emplace_back(columns.histograms.times[i],
                             std::bit_cast<uint64_t>(Fingerprint(columns.histograms.values[i])));
        }
      };
      OlderSamples copied;
      series.CopyBefore(newest, &copied);
      for (const chunk::ChunkView& view : copied.chunks) {
        read(view);
        ASSERT_EQ(found.back().first, view.range.max);
      }
      ASSERT_EQ(copied.num, all.size() - newest);
      ASSERT_TRUE(std::equal(found.begin(), found.end(), all.begin(), all.end() - newest));
      if (copied.num > 0) {
        ASSERT_EQ(found.back(), std::pair(copied.last.t, std::bit_cast<uint64_t>(copied.last.v)));
      }
      found.clear();
      const size_t older = series.SealBefore(newest, &delta);
      size_t split = 0;
      int64_t bytes = 0;
      for (size_t i = 0; i < series.num_sealed(); ++i) {
        if (i == older) split = found.size();
        const SealedChunk& chunk = *(*series.sealed)[i];
        read(chunk.view());
        ASSERT_EQ(found.back(), std::pair(chunk.range.max, std::bit_cast<uint64_t>(chunk.last_v)));
        bytes += static_cast<int64_t>(chunk.memory_bytes());
      }
      if (older == series.num_sealed()) split = found.size();
      if (series.HasOpen()) read(series.OpenView());
      ASSERT_EQ(found, all);
      ASSERT_EQ(split, all.size() - newest);
      ASSERT_EQ(delta.chunks, static_cast<int64_t>(series.num_sealed()) + series.HasOpen());
      ASSERT_EQ(delta.samples, static_cast<int64_t>(all.size()));
      if (!series.HasOpen()) {
        ASSERT_EQ(delta.bytes, bytes);
      }
    }
    const size_t newest = std::min(all.size(), random() % 10);
    series.TakeOldest(all.size() - newest, nullptr, &delta);
    ASSERT_EQ(series.num_in_order(), newest);
    ASSERT_EQ(delta.samples, static_cast<int64_t>(newest));
    series.TakeOldest(newest, nullptr, &delta);
    ASSERT_EQ(delta.bytes, 0);
    ASSERT_EQ(delta.chunks, 0);
  }
}

TEST(HeadSelection, LeavesOutAnUnfinishedCommitBetweenFinishedOnes) {
  Head::Parts parts(HeadOptions{});
  const model::Labels labels{{"a", "b"}};
  MemSeries* series = parts.NewSeries(SeriesRef{1}, parts.Hash(labels), labels);
  HeadDelta delta;
  for (int i = 0; i < 200; ++i) series->Append({i, 1}, 0, {}, &delta);
  series->Append({1000, 1}, 2, {}, &delta);  // Commit 2 comes first, and is under way still.
  series->Append({1001, 1}, 1, {}, &delta);
  series->Append({1002, 1}, 3, {}, &delta);
  series->Append({1003, 1}, 4, {}, &delta);

  HeadSelection selection(1, {.range = {150, 5000}});
  selection.Add(series, {3, {2}}, nullptr);
  ASSERT_TRUE(selection.Finish(&parts.order, parts.index, nullptr).ok());
  ASSERT_EQ(selection.size(), 1);
  EXPECT_EQ(selection.labels(0), labels.view());
  chunk::SampleColumns columns;
  ASSERT_TRUE(selection.Read(0, {198, 5000}, &columns).ok());
  EXPECT_THAT(columns.times, ElementsAre(198, 199, 1001, 1002));
  parts.map.pool()->Delete(series);
}

}  // namespace
}  // namespace storage
