#include "storage/index/postings.h"

#include <algorithm>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "storage/index/holders.h"
#include "storage/index/posting_list.h"
#include "storage/index/stable_array.h"

namespace storage {
namespace {

using Numbers = std::set<uint64_t>;

Postings Of(const Numbers& numbers) {
  Postings out;
  for (const uint64_t n : numbers) out.push_back(SeriesRef{n});
  return out;
}
PostingsPtr Shared(const Numbers& numbers) { return std::make_shared<Postings>(Of(numbers)); }

Numbers RandomNumbers(std::mt19937_64* random, size_t size, uint64_t max) {
  Numbers out;
  for (size_t i = 0; i < size; ++i) out.insert(1 + (*random)() % max);
  return out;
}

TEST(Postings, IntersectionOfNothingIsNothing) { EXPECT_TRUE(Intersect({}).empty()); }

TEST(Postings, AlgebraAgreesWithSets) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 300; ++round) {
    const uint64_t max = uint64_t{1} << (4 + random() % 34);  // Dense and sparse.
    std::vector<Numbers> sets;
    std::vector<PostingsPtr> lists;
    for (size_t i = 0, n = 1 + random() % 6; i < n; ++i) {
      sets.push_back(RandomNumbers(&random, random() % (random() % 4 == 0 ? 2000 : 20), max));
      lists.push_back(Shared(sets.back()));
    }
    Numbers all, common = sets[0], rest = sets[0];
    for (const Numbers& set : sets) {
      all.insert(set.begin(), set.end());
      std::erase_if(common, [&](uint64_t n) { return !set.contains(n); });
    }
    for (const uint64_t n : sets.back()) rest.erase(n);
    SCOPED_TRACE(round);
    EXPECT_EQ(Union(lists), Of(all));
    EXPECT_EQ(Intersect(lists), Of(common));
    EXPECT_EQ(Without(*lists[0], *lists.back()), Of(rest));
  }
}

TEST(PostingList, AgreesWithASetHoweverItIsFilled) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 100; ++round) {
    PostingList list;
    Numbers model;
    const uint64_t max = uint64_t{1} << (4 + random() % 32);
    for (int step = 0; step < 20; ++step) {
      const Numbers batch = RandomNumbers(&random, random() % 50, max);
      if (random() % 4 != 0) {
        list.Add(Of(batch));
        model.insert(batch.begin(), batch.end());
      } else {
        list.Remove(Of(batch));
        for (const uint64_t n : batch) model.erase(n);
      }
      Postings out;
      list.AppendTo(&out);
      ASSERT_EQ(out, Of(model)) << "round " << round << " step " << step;
      ASSERT_EQ(list.size(), model.size());
      if (!model.empty()) {
        ASSERT_EQ(list.last(), SeriesRef{*model.rbegin()});
      }
    }
  }
}

TEST(Holders, AgreeWithASetHoweverTheyComeAndGo) {
  std::mt19937_64 random(13);
  for (int round = 0; round < 300; ++round) {
    Holders holders;
    Numbers model;
    // Few numbers and small batches: none, one and two are met again and again.
    const uint64_t max = round % 3 == 0 ? Holders::kMaxRef : 2 + random() % 6;
    for (int step = 0; step < 60; ++step) {
      Numbers batch = RandomNumbers(&random, random() % 3, max);
      if (random() % 2 == 0) {
        holders.Add(Of(batch));
        model.insert(batch.begin(), batch.end());
      } else {
        if (random() % 4 == 0) batch.insert(model.begin(), model.end());
        holders.Remove(Of(batch));
        for (const uint64_t n : batch) model.erase(n);
      }
      if (random() % 8 == 0) holders = Holders(std::move(holders));
      Postings out;
      holders.AppendTo(&out);
      ASSERT_EQ(out, Of(model)) << "round " << round << " step " << step;
      ASSERT_EQ(holders.size(), model.size());
      ASSERT_EQ(holders.empty(), model.empty());
    }
  }
}

TEST(PostingList, TakesAboutAByteForANeighbour) {
  PostingList list;
  for (uint64_t n = 1; n <= 100'000; ++n) list.Append(SeriesRef{n});
  EXPECT_LT(list.heap_bytes(), 210'000u);
}

TEST(StableArray, KeepsElementsWhereTheyAre) {
  StableArray<int> array;
  std::vector<int*> places;
  for (uint32_t i = 0; i < 5000; ++i) {
    array.Grow(i + 1);
    array[i] = static_cast<int>(i);
    places.push_back(&array[i]);
  }
  for (uint32_t i = 0; i < 5000; ++i) {
    EXPECT_EQ(&array[i], places[i]);
    EXPECT_EQ(array[i], static_cast<int>(i));
  }
}

}  // namespace
}  // namespace storage
