// Selections whose labels are made late or whose order is waived, against those that have it all.
#include <algorithm>
#include <random>
#include <set>

#include "tests/storage/head/head_fixture.h"
#include "tests/testing/seed.h"

namespace storage {
namespace {

constexpr model::TimeMs kStart = 1'700'000'000'000;

class SelectionTest : public HeadFixture {
 protected:
  // Some of a few thousand, of which any may lack any label but the name.
  static Labels RandomLabels(std::mt19937_64* random) {
    std::vector<Labels::Pair> pairs{{"__name__", fmt::format("m{}", (*random)() % 5)}};
    for (const char* name : {"A", "job", "zone"}) {
      if ((*random)() % 4 != 0) pairs.emplace_back(name, fmt::format("{}", (*random)() % 12));
    }
    return Labels::FromPairs(std::move(pairs));
  }

  static std::unique_ptr<Selection> Select(Querier* querier, const SelectRequest& request) {
    auto selection = querier->Select(request);
    EXPECT_TRUE(selection.ok()) << selection.status();
    return *std::move(selection);
  }

  // By looking at the labels.
  static std::vector<int> GroupsOf(const Selection& selection, const std::vector<std::string>& names) {
    std::map<std::vector<std::string>, int> numbers;
    std::vector<int> groups;
    for (int i = 0; i < selection.size(); ++i) {
      std::vector<std::string> key;
      for (const std::string& name : names) key.emplace_back(selection.labels(i).Get(name));
      groups.push_back(numbers.emplace(key, numbers.size()).first->second);
    }
    return groups;
  }
};

TEST_F(SelectionTest, FewLabelsAndAnyOrderChangeNothingElse) {
  const uint64_t seed = testing_support::Seed();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  const std::vector<std::vector<std::string>> groupings = {
      {}, {"job"}, {"__name__"}, {"A"}, {"absent"}, {"A", "zone"}, {"__name__", "job", "zone"}};
  std::set<Labels> known;
  for (int round = 0; round < 15; ++round) {
    auto appender = head_->NewAppender();
    // Sometimes more new ones than are put between the ranked ones.
    for (int n = static_cast<int>(random() % (round % 7 == 0 ? 1500 : 100)); n > 0; --n) {
      const Labels labels = RandomLabels(&random);
      const auto outcome = appender->Append(SeriesRef::kNone, labels,
                                            {kStart + round * 1000, static_cast<double>(n)}).outcome;
      if (outcome == Outcome::kAccepted) known.insert(labels);
    }
    ASSERT_TRUE(appender->Commit().ok());
    const std::vector<Matcher> matchers = {
        *Matcher::Create(model::MatchType::kRegex, "__name__", random() % 2 == 0 ? "m.*" : "m[01]")};
    const model::TimeRange range{kStart, kStart + 1'000'000};
    const auto querier = head_->NewQuerier({});
    for (const bool newest : {false, true}) {
      SelectRequest request{.matchers = matchers, .range = range, .newest = newest};
      const auto plain = Select(querier.get(), request);
      const SampleModel want = ReadSelection(*plain);
      std::vector<int> groups;
      EXPECT_FALSE(plain->GroupBy(groupings[1], &groups));

      request.few_labels = true;
      const auto late = Select(querier.get(), request);
      for (const auto& names : groupings) {
        ASSERT_TRUE(late->GroupBy(names, &groups));
        EXPECT_EQ(groups, GroupsOf(*plain, names)) << fmt::format("{}", names.size());
      }
      EXPECT_EQ(testing_support::Difference(ReadSelection(*late), want), "");
      for (int i = 0; i < plain->size(); ++i) EXPECT_EQ(plain->labels(i), late->labels(i));

      request.any_order = true;
      const auto unordered = Select(querier.get(), request);
      SampleModel got;
      std::vector<model::Sample> newest_samples(static_cast<size_t>(unordered->size()));
      unordered->ReadNewest(0, newest_samples);
      chunk::SampleColumns columns;
      for (int i = 0; i < unordered->size(); ++i) {
        ASSERT_TRUE(unordered->Read(i, range, &columns).ok());
        SeriesSamples& samples = got[Labels(unordered->labels(i))];
        EXPECT_TRUE(samples.empty());  // Each once.
        for (size_t j = 0; j < columns.size(); ++j) {
          samples[columns.times[j]] = testing_support::Bits(columns.values[j]);
        }
        const model::Sample& read = newest_samples[static_cast<size_t>(i)];
        EXPECT_EQ(read.t, newest ? columns.times.back() : Selection::kUnread);
        if (newest) {
          EXPECT_EQ(read.v, columns.values.back());
        }
      }
      EXPECT_EQ(testing_support::Difference(got, want), "");
      for (const auto& names : groupings) {
        ASSERT_TRUE(unordered->GroupBy(names, &groups));
        EXPECT_EQ(groups, GroupsOf(*unordered, names));
      }
    }
    if (HasFailure()) return;
  }
  EXPECT_EQ(InHead().size(), known.size());
}

// Series that a flush forgets are there for as long as somebody may ask for their labels.
TEST_F(SelectionTest, LateLabelsOutliveTheirSeries) {
  std::vector<Labels> all;
  for (int i = 0; i < 300; ++i) {
    all.push_back({{"__name__", "gone"}, {"i", fmt::format("{:03}", i)}});
    ASSERT_EQ(AppendOne(all.back(), kStart, i), Outcome::kAccepted);
  }
  auto querier = head_->NewQuerier({});
  auto selection = Select(querier.get(), {.matchers = {}, .range = {}, .few_labels = true});
  querier.reset();
  for (int hour = 1; hour < 12; ++hour) {
    ASSERT_EQ(AppendOne({{"__name__", "stays"}}, kStart + hour * 3'600'000, 1), Outcome::kAccepted);
    Flush(/*idle_before=*/kStart + 1);
    // Memory of series that had gone would be used anew.
    for (int i = 0; i < 100; ++i) {
      AppendOne({{"__name__", "new"}, {"i", fmt::format("{}-{}", hour, i)}},
                kStart + hour * 3'600'000, 1);
    }
  }
  const std::vector<Matcher> gone = {*Matcher::Create(model::MatchType::kEqual, "__name__", "gone")};
  EXPECT_TRUE(ReadAll(head_->NewQuerier({}).get(), gone).empty());
  ASSERT_EQ(selection->size(), 300);
  for (int i = 0; i < 300; ++i) EXPECT_EQ(selection->labels(i), all[static_cast<size_t>(i)].view());
}

}  // namespace
}  // namespace storage
