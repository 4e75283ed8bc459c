#include "server/scrape/series_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/testing/memory_appendable.h"

namespace server {
namespace {

using storage::SeriesRef;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class SeriesCacheTest : public testing::Test {
 protected:
  // One scrape of these texts; the ref of a text is its hash unless `refs` says otherwise.
  void Scrape(const std::vector<std::string>& texts, bool success = true) {
    ended_.clear();
    hits_ = 0;
    for (const std::string& text : texts) {
      SeriesCache::Id id;
      if (!cache_.Predicted().empty() && cache_.Predicted() == text) {
        id = cache_.TakePredicted();
        ++hits_;
      } else {
        id = cache_.Find(text);
      }
      if (id == SeriesCache::kNotFound) {
        id = cache_.Add(text, RefOf(text), model::MetricType::kUnknown, "", false);
      } else {
        cache_.SeenBefore(id);
      }
      EXPECT_EQ(cache_.ref(id), RefOf(text));
      cache_.Track(id);
    }
    cache_.ForEachEnded(!success, [&](const SeriesCache::Ended& ended) {
      ended_.emplace_back(ended.text);
      EXPECT_EQ(ended.ref, RefOf(ended.text));
    });
    cache_.EndScrape(success);
  }
  SeriesRef RefOf(std::string_view text) const {
    const auto it = refs_.find(std::string(text));
    return SeriesRef{it != refs_.end() ? it->second : base::Hash64(text) | 1};
  }

  SeriesCache cache_;
  std::map<std::string, uint64_t> refs_;
  std::vector<std::string> ended_;
  int hits_ = 0;
};

TEST_F(SeriesCacheTest, TheSamePageIsPredictedLineByLine) {
  Scrape({"a", "b", "c"});
  EXPECT_EQ(hits_, 0);
  Scrape({"a", "b", "c"});
  EXPECT_EQ(hits_, 3);
  EXPECT_THAT(ended_, IsEmpty());
}

TEST_F(SeriesCacheTest, PredictionGoesOnBehindLinesThatCameOrWent) {
  Scrape({"a", "b", "c", "d", "e", "f"});
  Scrape({"a", "x", "b", "c", "d", "e", "f"});
  EXPECT_EQ(hits_, 6);
  Scrape({"a", "x", "d", "e", "f"});
  EXPECT_EQ(hits_, 4);  // All but d, which is found by its hash.
  EXPECT_THAT(ended_, UnorderedElementsAre("b", "c"));
}

TEST_F(SeriesCacheTest, WhatIsNotSeenHasEndedOnce) {
  Scrape({"a", "b"});
  Scrape({"a"});
  EXPECT_THAT(ended_, ElementsAre("b"));
  Scrape({"a"});
  EXPECT_THAT(ended_, IsEmpty());
  EXPECT_EQ(cache_.size(), 1u);
}

TEST_F(SeriesCacheTest, AFailureEndsAllOfTheLastScrapeOnce) {
  Scrape({"a", "b"});
  Scrape({"a"}, /*success=*/false);  // Half a page, then an error.
  EXPECT_THAT(ended_, UnorderedElementsAre("a", "b"));
  Scrape({}, false);
  EXPECT_THAT(ended_, IsEmpty());
  Scrape({"a", "b"});
  EXPECT_THAT(ended_, IsEmpty());
  Scrape({"a"});
  EXPECT_THAT(ended_, ElementsAre("b"));
}

TEST_F(SeriesCacheTest, TwoTextsOfOneSeriesAreOneSeries) {
  refs_ = {{"a{x,y}", 7}, {"a{y,x}", 7}, {"b", 8}};
  Scrape({"a{x,y}", "b"});
  Scrape({"a{y,x}"});
  EXPECT_THAT(ended_, ElementsAre("b"));
  Scrape({"b"});
  EXPECT_THAT(ended_, ElementsAre("a{y,x}"));
}

TEST_F(SeriesCacheTest, ANewCacheEndsWhatTheOldOneLeaves) {
  refs_ = {{"a", 7}, {"b", 8}, {"", 8}};
  Scrape({"a", "b"});
  SeriesCache fresh;
  fresh.Inherit(cache_);
  const SeriesCache::Id id = fresh.Add("a", SeriesRef{7}, model::MetricType::kUnknown, "", false);
  fresh.Track(id);
  std::vector<uint64_t> ended;
  fresh.ForEachEnded(false, [&](const SeriesCache::Ended& e) {
    ended.push_back(static_cast<uint64_t>(e.ref));
  });
  EXPECT_THAT(ended, ElementsAre(8));
}

TEST_F(SeriesCacheTest, FailingScrapesWithNewTextsDoNotGrowIt) {
  Scrape({"a"});
  bool flushed = false;
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 100; ++i) {
      const std::string text = "x" + std::to_string(round * 100 + i);
      if (cache_.Find(text) == SeriesCache::kNotFound) {
        cache_.Add(text, SeriesRef{1}, model::MetricType::kUnknown, "", false);
      }
    }
    flushed = cache_.EndScrape(false) || flushed;
  }
  EXPECT_TRUE(flushed);
  EXPECT_LT(cache_.size(), 1300u);
}

TEST_F(SeriesCacheTest, ChurnDoesNotGrowIt) {
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> texts;
    for (int i = 0; i < 200; ++i) {
      texts.push_back("series{id=\"" + std::to_string(round * 100 + i) + "\",pad=\"" + std::string(50, 'x') + "\"}");
    }
    Scrape(texts);
    EXPECT_EQ(cache_.size(), 200u);
  }
  EXPECT_LT(cache_.MemoryBytes(), 200'000u);
}

// Against the obvious: sets of texts.
TEST_F(SeriesCacheTest, AgreesWithSetsOnRandomPages) {
  const uint64_t seed = 11;
  std::mt19937_64 random(seed);
  std::set<std::string> last;
  std::vector<std::string> page;
  for (int i = 0; i < 60; ++i) page.push_back("s" + std::to_string(i));
  for (int round = 0; round < 400; ++round) {
    for (int change = random() % 4; change > 0; --change) {
      const size_t at = random() % (page.size() + 1);
      if (random() % 2 == 0 && page.size() > 3) {
        page.erase(page.begin() + std::min(at, page.size() - 1));
      } else {
        page.insert(page.begin() + at, "s" + std::to_string(random() % 120));
      }
    }
    if (random() % 10 == 0) std::shuffle(page.begin(), page.end(), random);
    const bool success = random() % 8 != 0;
    Scrape(page, success);
    const std::set<std::string> now(page.begin(), page.end());
    std::set<std::string> want;
    for (const std::string& text : last) {
      if (!success || !now.contains(text)) want.insert(text);
    }
    ASSERT_EQ(std::set<std::string>(ended_.begin(), ended_.end()), want)
        << "seed " << seed << " round " << round;
    last = success ? now : std::set<std::string>();
  }
}

TEST(MetadataCache, KeepsAFamilyForTenScrapes) {
  MetadataCache cache;
  cache.SetType("a", model::MetricType::kCounter, 5);
  cache.SetHelp("a", "what it is", 5);
  cache.SetUnit("a", "seconds", 5);
  cache.SetHelp("b", "other", 15);
  cache.Prune(15);
  EXPECT_EQ(cache.size(), 2u);
  const auto list = cache.List();
  EXPECT_EQ(list[0].first, "a");
  EXPECT_EQ(list[0].second,
            (model::Metadata{model::MetricType::kCounter, "what it is", "seconds"}));
  cache.Prune(16);
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_EQ(cache.List()[0].first, "b");
}

TEST(MetadataCache, TellsTheStoreUntilItHasItAndThenOnceAnHour) {
  testing_support::MemoryAppendable store;
  MetadataCache cache;
  const auto tell = [&](uint32_t iteration, int64_t now_ms) {
    uint64_t before = 0, after = 0;
    store.Metadata(&before);
    const auto batch = store.NewAppender();
    cache.TellTo(batch.get(), iteration, now_ms);
    batch->Commit().IgnoreError();
    store.Metadata(&after);
    return after - before;
  };
  const int64_t start = 1'700'000'000'000, hour = 3'600'000;
  for (const char* family : {"a", "b", "c"}) cache.SetType(family, model::MetricType::kGauge, 5);
  store.FailCommits(true);
  EXPECT_EQ(tell(5, start), 3u);
  store.FailCommits(false);
  EXPECT_EQ(tell(5, start), 3u);  // Nothing came of it.
  EXPECT_EQ(tell(5, start + 1), 3u);  // Only now it is known that it has them.
  EXPECT_EQ(tell(5, start + 2), 0u);
  cache.SetHelp("b", "what it is", 5);
  EXPECT_EQ(tell(5, start + 3), 1u);
  EXPECT_EQ(tell(5, start + 4), 1u);
  EXPECT_EQ(tell(5, start + hour), 0u);
  cache.SetType("a", model::MetricType::kGauge, 6);
  EXPECT_EQ(tell(6, start + 1 + hour), 1u);  // The others were not on the page.
  EXPECT_EQ(tell(6, start + 5), 1u);         // The clock was set back.
  EXPECT_THAT(store.Metadata(),
              ::testing::ElementsAre("a gauge  ", "b gauge  ", "b gauge what it is ", "c gauge  "));
}

}  // namespace
}  // namespace server
