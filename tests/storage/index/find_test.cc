// Find over a HeadIndex against the obvious way: ask every matcher about every series.
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/index/head_index.h"

namespace storage {
namespace {

using model::Labels;
using model::Matcher;
using model::MatchType;
using ::testing::ElementsAre;

class FindTest : public ::testing::Test {
 protected:
  void Add(Labels labels) {
    std::vector<PairId> ids;
    const IndexEntry entry{SeriesRef{series_.size() + 1}, index_.Intern(labels, &ids)};
    index_.Add({&entry, 1});
    series_.push_back(std::move(labels));
  }
  std::vector<uint64_t> Find(const std::vector<Matcher>& matchers) {
    const auto found = storage::Find(index_, matchers);
    EXPECT_TRUE(found.ok());
    std::vector<uint64_t> out;
    for (const SeriesRef ref : *found) out.push_back(static_cast<uint64_t>(ref));
    return out;
  }
  std::vector<uint64_t> Obvious(const std::vector<Matcher>& matchers) {
    std::vector<uint64_t> out;
    for (size_t i = 0; i < series_.size(); ++i) {
      bool good = true;
      for (const Matcher& m : matchers) good = good && m.Matches(series_[i].Get(m.name()));
      if (good) out.push_back(i + 1);
    }
    return out;
  }
  static Matcher M(MatchType type, std::string name, std::string value) {
    auto matcher = Matcher::Create(type, std::move(name), std::move(value));
    EXPECT_TRUE(matcher.ok());
    return *std::move(matcher);
  }

  HeadIndex index_;
  std::vector<Labels> series_;
};

TEST_F(FindTest, NoMatcherMeansAll) {
  Add({{"a", "1"}});
  Add({{"b", "1"}});
  EXPECT_THAT(Find({}), ElementsAre(1, 2));
}

TEST_F(FindTest, AMatcherThatAcceptsEmptyAcceptsSeriesWithoutTheLabel) {
  Add({{"a", "1"}});
  Add({{"a", "2"}});
  Add({{"b", "1"}});
  EXPECT_THAT(Find({M(MatchType::kEqual, "a", "")}), ElementsAre(3));
  EXPECT_THAT(Find({M(MatchType::kNotEqual, "a", "1")}), ElementsAre(2, 3));
  EXPECT_THAT(Find({M(MatchType::kNotEqual, "a", "")}), ElementsAre(1, 2));
  EXPECT_THAT(Find({M(MatchType::kRegex, "a", "1|")}), ElementsAre(1, 3));
  EXPECT_THAT(Find({M(MatchType::kRegex, "a", ".*")}), ElementsAre(1, 2, 3));
  EXPECT_THAT(Find({M(MatchType::kNotRegex, "a", ".*")}), ElementsAre());
  EXPECT_THAT(Find({M(MatchType::kNotRegex, "a", ".+")}), ElementsAre(3));
  EXPECT_THAT(Find({M(MatchType::kNotRegex, "a", "1|")}), ElementsAre(2));
}

TEST_F(FindTest, AgreesWithAskingEverySeries) {
  constexpr std::string_view kNames[] = {"__name__", "instance", "job", "zone"};
  constexpr std::string_view kPatterns[] = {"",     "v1",    "v1|v2", "v.*",   "v1.*", ".*",   ".+",
                                            "v1|",  "(v1)?", "v[12]", ".*1.*", "x",    "v1.+", ".*2",
                                            "(?i)V1"};
  std::mt19937_64 random(3);
  for (int i = 0; i < 400; ++i) {
    std::vector<Labels::Pair> pairs;
    for (const std::string_view name : kNames) {
      if (random() % 4 != 0) pairs.emplace_back(name, "v" + std::to_string(random() % 25));
    }
    Add(Labels::FromPairs(std::move(pairs)));
  }
  constexpr MatchType kTypes[] = {MatchType::kEqual, MatchType::kNotEqual, MatchType::kRegex,
                                  MatchType::kNotRegex};
  for (int i = 0; i < 2000; ++i) {
    std::vector<Matcher> matchers;
    std::string text;
    for (size_t n = random() % 4; n > 0; --n) {
      matchers.push_back(M(kTypes[random() % 4],
                           std::string(random() % 10 == 0 ? "absent" : kNames[random() % 4]),
                           std::string(kPatterns[random() % std::size(kPatterns)])));
      text += matchers.back().ToString() + " ";
    }
    ASSERT_EQ(Find(matchers), Obvious(matchers)) << text;
  }
}

}  // namespace
}  // namespace storage
