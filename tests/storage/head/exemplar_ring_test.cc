#include "storage/head/exemplar_ring.h"

#include <map>
#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storage {
namespace {

using model::Exemplar;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using Verdict = ExemplarRing::Verdict;

constexpr SeriesRef kOne{1}, kTwo{2}, kThree{3};

Exemplar At(model::TimeMs t, double value = 1, std::string_view trace = "a") {
  return {model::Labels({{"trace_id", trace}}), value, t, true};
}

std::vector<model::TimeMs> Times(const ExemplarRing& ring, SeriesRef ref) {
  std::vector<model::TimeMs> out;
  ring.ForEach([&](SeriesRef r, const Exemplar& e) {
    if (r == ref) out.push_back(e.t);
  });
  return out;
}

std::vector<model::TimeMs> GiveOut(ExemplarRing* ring, SeriesRef ref) {
  std::vector<model::TimeMs> out;
  const auto by_series = ring->GiveOut();
  if (const auto it = by_series.find(ref); it != by_series.end()) {
    for (const Exemplar& e : it->second) out.push_back(e.t);
  }
  return out;
}

TEST(ExemplarRing, WithoutAWindowTakesOnlyWhatIsNewerThanTheSeriesNewest) {
  ExemplarRing ring(10);
  EXPECT_EQ(ring.Add(kOne, At(100), 0), Verdict::kNew);
  EXPECT_EQ(ring.Add(kOne, At(100), 0), Verdict::kRepeat);
  EXPECT_EQ(ring.Add(kOne, At(99), 0), Verdict::kRefused);
  EXPECT_EQ(ring.Add(kOne, At(100, 2), 0), Verdict::kNew);
  EXPECT_EQ(ring.Add(kOne, At(100, 1), 0), Verdict::kRefused);
  EXPECT_EQ(ring.Add(kTwo, At(50), 0), Verdict::kNew);  // Another series has its own time.
  EXPECT_EQ(ring.Add(kOne, At(101), 0), Verdict::kNew);
  EXPECT_THAT(Times(ring, kOne), ElementsAre(100, 100, 101));
}

// As in Prometheus' tsdb/exemplar.go.
TEST(ExemplarRing, WithAWindowTakesWhatIsLessOlderAndAtATimeOfItsOwn) {
  ExemplarRing ring(10);
  constexpr int64_t kWindow = 50;
  EXPECT_EQ(ring.Add(kOne, At(100), kWindow), Verdict::kNew);
  EXPECT_EQ(ring.Add(kOne, At(50), kWindow), Verdict::kRefused);
  EXPECT_EQ(ring.Add(kOne, At(51), kWindow), Verdict::kNew);
  EXPECT_EQ(ring.Add(kOne, At(70), kWindow), Verdict::kNew);
  EXPECT_EQ(ring.Add(kOne, At(70, 7), kWindow), Verdict::kRepeat);
  EXPECT_EQ(ring.Add(kOne, At(60), kWindow), Verdict::kNew);
  EXPECT_EQ(ring.Add(kOne, At(100, 0.5), kWindow), Verdict::kRefused);  // Beside the newest.
  EXPECT_EQ(ring.Judge(kOne, At(60, 2), kWindow), Verdict::kRepeat);
  EXPECT_EQ(ring.Judge(kOne, At(61), kWindow), Verdict::kNew);
  EXPECT_EQ(ring.Add(kOne, At(std::numeric_limits<int64_t>::min()), kWindow), Verdict::kRefused);
  ring.Cut();
  EXPECT_THAT(GiveOut(&ring, kOne), ElementsAre(51, 60, 70, 100));
}

TEST(ExemplarRing, WithoutATimeOfItsOwnTheSameOneIsARepeat) {
  ExemplarRing ring(10);
  Exemplar e = At(100);
  e.has_time = false;
  EXPECT_EQ(ring.Add(kOne, e, 0), Verdict::kNew);
  e.t = 200;  // The time of the next scrape.
  EXPECT_EQ(ring.Add(kOne, e, 0), Verdict::kRepeat);
  e.value = 5;
  EXPECT_EQ(ring.Add(kOne, e, 0), Verdict::kNew);
}

TEST(ExemplarRing, PushesOutWhatCameFirst) {
  ExemplarRing ring(3);
  for (int t = 1; t <= 5; ++t) EXPECT_EQ(ring.Add(t % 2 ? kTwo : kOne, At(t), 0), Verdict::kNew);
  EXPECT_EQ(ring.size(), 3u);
  EXPECT_THAT(Times(ring, kTwo), ElementsAre(3, 5));
  EXPECT_THAT(Times(ring, kOne), ElementsAre(4));
}

TEST(ExemplarRing, ASeriesWhoseNewestWasPushedOutBeginsAnew) {
  ExemplarRing ring(1);
  EXPECT_EQ(ring.Add(kOne, At(100), 0), Verdict::kNew);
  EXPECT_EQ(ring.Add(kTwo, At(1), 0), Verdict::kNew);
  EXPECT_EQ(ring.Add(kOne, At(50), 0), Verdict::kNew);
  EXPECT_THAT(Times(ring, kOne), ElementsAre(50));
}

TEST(ExemplarRing, OfSizeZeroRefusesAll) {
  ExemplarRing ring(0);
  EXPECT_EQ(ring.Add(kOne, At(1), 0), Verdict::kRefused);
  EXPECT_EQ(ring.Judge(kOne, At(1), 0), Verdict::kRefused);
  ring.AddReplayed(kOne, At(1));
  ring.AddFlushed(kOne, At(1));
  EXPECT_EQ(ring.size(), 0u);
}

TEST(ExemplarRing, RefusesLabelsOfMoreThan128Runes) {
  ExemplarRing ring(3);
  std::string runes;
  for (int i = 0; i < 120; ++i) runes += "ä";
  EXPECT_EQ(ring.Add(kOne, At(1, 1, runes), 0), Verdict::kNew);  // With the name: 128.
  EXPECT_EQ(ring.Add(kOne, At(2, 1, runes + "x"), 0), Verdict::kRefused);
}

TEST(ExemplarRing, KeepsAllThatTheLogBringsButNothingTwice) {
  ExemplarRing ring(10);
  EXPECT_EQ(ring.Add(kOne, At(100), 0), Verdict::kNew);  // Since the start.
  for (int round = 0; round < 2; ++round) {
    for (const model::TimeMs t : {30, 10, 20, 100}) ring.AddReplayed(kOne, At(t));
    ring.AddReplayed(kOne, At(20, 0));
  }
  EXPECT_THAT(Times(ring, kOne), ElementsAre(100, 30, 10, 20, 20));
  EXPECT_EQ(ring.Add(kOne, At(99), 0), Verdict::kRefused);
}

TEST(ExemplarRing, AFlushTakesWhatCameBeforeItsCutAndLeavesTheNewestToJudgeBy) {
  ExemplarRing ring(10);
  for (const model::TimeMs t : {10, 20}) ring.Add(kOne, At(t), 0);
  ring.Add(kTwo, At(15), 0);
  ring.Cut();
  ring.Add(kOne, At(30), 0);
  ring.Add(kThree, At(5), 0);
  EXPECT_THAT(GiveOut(&ring, kOne), ElementsAre(10, 20));
  std::vector<std::pair<model::TimeMs, bool>> told;
  ring.ForEachBeforeCut([&](SeriesRef, const Exemplar& e, bool given_out) {
    told.emplace_back(e.t, given_out);
  });
  EXPECT_THAT(told, UnorderedElementsAre(std::pair(20, true), std::pair(15, true)));
  EXPECT_THAT(Times(ring, kOne), ElementsAre(10, 20, 30));  // Until a block has them.
  ring.DropGivenOut();
  EXPECT_THAT(Times(ring, kOne), ElementsAre(30));
  EXPECT_THAT(Times(ring, kTwo), IsEmpty());
  EXPECT_EQ(ring.size(), 3u);
  EXPECT_THAT(ring.WithoutBlock(), UnorderedElementsAre(kOne, kThree));
  EXPECT_EQ(ring.Add(kTwo, At(15), 0), Verdict::kRepeat);
  EXPECT_EQ(ring.Add(kTwo, At(14), 0), Verdict::kRefused);
  EXPECT_EQ(ring.Add(kTwo, At(16), 0), Verdict::kNew);
  ring.Cut();
  EXPECT_THAT(GiveOut(&ring, kTwo), ElementsAre(16));
  EXPECT_THAT(GiveOut(&ring, kTwo), ElementsAre(16));  // The first flush was given up.
  EXPECT_THAT(GiveOut(&ring, kOne), ElementsAre(30));
}

TEST(ExemplarRing, WhatACheckpointSaysIsInABlockIsOnlyToJudgeBy) {
  ExemplarRing ring(10);
  ring.AddFlushed(kOne, At(10));
  EXPECT_THAT(Times(ring, kOne), IsEmpty());
  EXPECT_EQ(ring.Add(kOne, At(10), 0), Verdict::kRepeat);
  EXPECT_EQ(ring.Add(kOne, At(9), 0), Verdict::kRefused);
  ring.AddReplayed(kOne, At(9));
  EXPECT_THAT(Times(ring, kOne), ElementsAre(9));
  ring.Cut();
  EXPECT_THAT(GiveOut(&ring, kOne), ElementsAre(9));
}

TEST(ExemplarRing, ForgetsSeries) {
  ExemplarRing ring(5);
  for (const SeriesRef ref : {kOne, kTwo, kThree}) ring.Add(ref, At(10), 0);
  ring.Forget({kOne, kThree});
  EXPECT_EQ(ring.size(), 1u);
  EXPECT_THAT(Times(ring, kTwo), ElementsAre(10));
  EXPECT_EQ(ring.Add(kOne, At(5), 0), Verdict::kNew);
}

// Against a list: what is there in which order, through turns, cuts and flushes.
TEST(ExemplarRing, HoldsTheLastThatCame) {
  struct Kept {
    SeriesRef ref;
    Exemplar exemplar;
    bool in_block = false;
  };
  for (uint32_t seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    const size_t capacity = 1 + random() % 40;
    ExemplarRing ring(static_cast<int64_t>(capacity));
    std::vector<Kept> want;  // As they came.
    size_t cut = 0;
    const auto newest_of = [&](SeriesRef ref) {
      const Kept* newest = nullptr;
      for (const Kept& kept : want) {
        if (kept.ref == ref && (!newest || kept.exemplar.t >= newest->exemplar.t)) newest = &kept;
      }
      return newest;
    };
    for (int i = 0; i < 2000; ++i) {
      const SeriesRef ref{1 + random() % 8};
      const Exemplar e = At(static_cast<model::TimeMs>(i / 2 + random() % 30), random() % 3);
      if (ring.Add(ref, e, 20) == Verdict::kNew) {
        if (want.size() == capacity) {
          want.erase(want.begin());
          cut -= cut > 0;
        }
        want.push_back({ref, e});
      }
      if (random() % 100 == 0) {
        ring.Cut();
        cut = want.size();
      }
      if (random() % 100 == 0) {
        std::map<SeriesRef, std::vector<Exemplar>> expected;
        for (size_t k = 0; k < cut; ++k) {
          if (!want[k].in_block) expected[want[k].ref].push_back(want[k].exemplar);
          want[k].in_block = true;
        }
        const auto got = ring.GiveOut();
        ASSERT_EQ(got.size(), expected.size());
        for (auto& [r, exemplars] : expected) {
          SortUnique(&exemplars);
          ASSERT_EQ(got.at(r).size(), exemplars.size());
          for (size_t k = 0; k < exemplars.size(); ++k) {
            ASSERT_TRUE(Compare(got.at(r)[k], exemplars[k]) == 0);
          }
        }
        ring.DropGivenOut();
        std::vector<Kept> left;
        for (const Kept& kept : want) {
          if (!kept.in_block || newest_of(kept.ref) == &kept) left.push_back(kept);
        }
        want = left;
        cut = 0;
        ring.Cut();
        cut = want.size();
      }
      std::vector<model::TimeMs> got_times, want_times;
      ring.ForEach([&](SeriesRef, const Exemplar& e) { got_times.push_back(e.t); });
      for (const Kept& kept : want) {
        if (!kept.in_block) want_times.push_back(kept.exemplar.t);
      }
      ASSERT_EQ(ring.num_without_block(), want_times.size());
      ASSERT_EQ(got_times, want_times) << "seed " << seed << " step " << i;
      ASSERT_EQ(ring.size(), want.size());
    }
  }
}

}  // namespace
}  // namespace storage
