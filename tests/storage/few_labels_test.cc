// Selections of head and blocks together whose labels are made when asked for, against those that have
// them all, and both against maps.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "storage/database.h"
#include "tests/testing/sample_model.h"
#include "tests/testing/seed.h"
#include "tests/testing/temp_dir.h"

namespace storage {
namespace {

using testing_support::SampleModel;

constexpr model::TimeMs kStart = 1'700'000'000'000;

class FixedClock : public base::Clock {
 public:
  int64_t NowMs() const override { return kStart + 3'600'000; }
};

// Of some hundreds, any of which may lack any label.
model::Labels RandomLabels(std::mt19937* random, int variety) {
  std::vector<model::Labels::Pair> pairs{
      {"__name__", fmt::format("m{}", (*random)() % static_cast<uint32_t>(variety))}};
  for (const char* name : {"A", "job", "zone"}) {
    if ((*random)() % 4 != 0) pairs.emplace_back(name, fmt::format("{}", (*random)() % 9));
  }
  return model::Labels::FromPairs(std::move(pairs));
}

void ExpectSameLabels(const Selection& few, const Selection& all, std::mt19937* random) {
  ASSERT_EQ(few.size(), all.size());
  const std::unique_ptr<LabelsReader> reader = few.ReadLabels(), of_all = all.ReadLabels();
  std::map<int, model::LabelsView> lent;
  for (int i = 0; i < few.size(); ++i) {
    ASSERT_EQ(reader->At(i), all.labels(i));
    ASSERT_EQ(of_all->At(i), all.labels(i));
    if (i > 0) {
      ASSERT_LT(all.labels(i - 1), all.labels(i));
    }
    const int any = static_cast<int>((*random)() % static_cast<uint32_t>(few.size()));
    if ((*random)() % 4 == 0) lent.emplace(any, few.labels(any));
    if ((*random)() % 20 == 0) {
      ASSERT_EQ(reader->At(any), all.labels(any));
    }
  }
  for (const auto& [i, labels] : lent) {
    ASSERT_EQ(labels, all.labels(i));
    ASSERT_EQ(labels.bytes().data(), few.labels(i).bytes().data());  // Made once.
  }
}

// Each flush leaves a block; who is in it, in the head or in both is chance.
TEST(FewLabels, ChangeNothingElse) {
  const uint32_t seed = testing_support::Seed();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  for (int round = 0; round < testing_support::Rounds(8); ++round) {
    testing_support::TempDir dir;
    FixedClock clock;
    DatabaseOptions options;
    options.dir = dir.path();
    options.clock = &clock;
    auto opened = Database::Open(options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    const std::unique_ptr<Database> db = *std::move(opened);
    SampleModel model;
    model::TimeMs t = kStart;
    const int blocks = static_cast<int>(random() % 5), variety = 1 + static_cast<int>(random() % 9);
    for (int part = 0; part <= blocks; ++part) {
      for (int scrape = 0; scrape < 3; ++scrape, t += 15'000) {
        const auto appender = db->NewAppender();
        for (uint32_t n = random() % 800; n > 0; --n) {
          const model::Labels labels = RandomLabels(&random, variety);
          const double value = static_cast<double>(random() % 1000);
          if (!model[labels].emplace(t, testing_support::Bits(value)).second) continue;
          ASSERT_EQ(appender->Append(SeriesRef::kNone, labels, {t, value}).outcome, Outcome::kAccepted);
        }
        ASSERT_TRUE(appender->Commit().ok());
      }
      if (part < blocks || random() % 4 == 0) {
        ASSERT_TRUE(db->FlushHead().ok());
      }
    }
    for (const std::string& pattern : {std::string(".+"), std::string("m[0-2]")}) {
      const std::vector<model::Matcher> matchers = {
          *model::Matcher::Create(model::MatchType::kRegex, "__name__", pattern)};
      const auto first = kStart + static_cast<model::TimeMs>(random() % 100) * 1000;
      for (const model::TimeRange range :
           {model::TimeRange{kStart, t}, model::TimeRange{first, first + 60'000}}) {
        auto querier = db->NewQuerier(range);
        ASSERT_TRUE(querier.ok());
        SelectRequest request{.matchers = matchers, .range = range};
        auto all = (*querier)->Select(request);
        request.few_labels = true;
        auto few = (*querier)->Select(request);
        ASSERT_TRUE(all.ok() && few.ok());
        querier->reset();  // Selections go on without it.
        ASSERT_NO_FATAL_FAILURE(ExpectSameLabels(**few, **all, &random));
        SampleModel got;
        chunk::SampleColumns columns, same;
        for (int i = 0; i < (*few)->size(); ++i) {
          ASSERT_TRUE((*few)->Read(i, range, &columns).ok());
          ASSERT_TRUE((*all)->Read(i, range, &same).ok());
          EXPECT_EQ(columns.times, same.times);
          EXPECT_EQ(columns.values, same.values);
          for (size_t k = 0; k < columns.size(); ++k) {
            got[model::Labels((*few)->labels(i))][columns.times[k]] =
                testing_support::Bits(columns.values[k]);
          }
        }
        SampleModel want;
        for (const auto& [labels, samples] : testing_support::Within(model, range)) {
          if (matchers[0].Matches(labels.Get("__name__"))) want[labels] = samples;
        }
        EXPECT_EQ(testing_support::Difference(got, want), "");
        // Who asks for all after all gets what he would have got at once.
        ASSERT_TRUE((*few)->KeepLabels().ok());
        for (int i = 0; i < (*few)->size(); ++i) ASSERT_EQ((*few)->labels(i), (*all)->labels(i));
      }
    }
  }
}

}  // namespace
}  // namespace storage
