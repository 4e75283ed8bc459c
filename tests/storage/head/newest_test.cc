// Selects for the newest sample only, against those for all of them.
#include <random>

#include "storage/model/sample.h"
#include "tests/storage/head/head_fixture.h"
#include "tests/testing/random_histogram.h"
#include "tests/testing/seed.h"

namespace storage {
namespace {

constexpr int64_t kMinute = 60'000;
constexpr model::TimeMs kStart = 1'700'000'000'000;

class NewestTest : public HeadFixture {
 protected:
  // The newest of each series in `range`, as an instant query reads it.
  static SampleModel Newest(Querier* querier, model::TimeRange range, bool only) {
    auto selection = querier->Select({.matchers = {}, .range = range, .newest = only});
    EXPECT_TRUE(selection.ok()) << selection.status();
    SampleModel out;
    chunk::MixedColumns columns;
    chunk::SampleColumns floats;
    for (int i = 0; i < (*selection)->size(); ++i) {
      const Labels labels((*selection)->labels(i));
      EXPECT_TRUE((*selection)->ReadMixed(i, range, &columns).ok());
      EXPECT_TRUE((*selection)->Read(i, range, &floats).ok());
      EXPECT_EQ(floats.times, columns.floats.times) << labels.ToString();
      if (columns.floats.size() == 0) continue;
      EXPECT_TRUE(range.Contains(columns.floats.times.back()));
      out[labels][columns.floats.times.back()] = testing_support::Bits(columns.floats.values.back());
    }
    return out;
  }
};

TEST_F(NewestTest, IsReadWithoutTheOthers) {
  const Labels up{{"__name__", "up"}};
  for (int i = 0; i < 10; ++i) ASSERT_EQ(AppendOne(up, kStart + i, i), Outcome::kAccepted);
  const auto querier = head_->NewQuerier({});
  auto selection = querier->Select({.matchers = {}, .range = {kStart, kStart + 100}, .newest = true});
  ASSERT_TRUE(selection.ok());
  ASSERT_EQ((*selection)->size(), 1);
  EXPECT_EQ((*selection)->labels(0), up.view());
  chunk::SampleColumns columns;
  ASSERT_TRUE((*selection)->Read(0, {kStart, kStart + 100}, &columns).ok());
  EXPECT_THAT(columns.times, ::testing::ElementsAre(kStart + 9));
  EXPECT_EQ((*selection)->Extent(0), (model::TimeRange{kStart + 9, kStart + 9}));
}

TEST_F(NewestTest, IsWhatTheWholeEndsWith) {
  const uint64_t seed = testing_support::Seed();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  head_->SetOutOfOrderWindow(30 * kMinute);
  testing_support::RandomHistogram histograms(seed, false, false, false);
  constexpr int kSeries = 20;
  model::TimeMs now = kStart;
  std::vector<std::unique_ptr<Querier>> older;  // Of other moments: later commits are hidden from them.
  for (int step = 0; step < 600; ++step) {
    now += static_cast<int64_t>(random() % 20'000);
    auto appender = head_->NewAppender();
    for (int i = 0; i < kSeries; ++i) {
      const Labels labels{{"__name__", fmt::format("s{}", i)}};
      const model::TimeMs t = random() % 5 == 0 ? now - static_cast<int64_t>(random() % (40 * kMinute)) : now;
      if (random() % 3 == 0) continue;
      const double v = random() % 20 == 0 ? model::StaleNan() : static_cast<double>(random() % 100);
      if (i % 5 == 4 && random() % 4 == 0) {
        appender->AppendHistogram(SeriesRef::kNone, labels, t, histograms.Next());
      } else {
        appender->Append(SeriesRef::kNone, labels, {t, v});
      }
    }
    if (random() % 10 == 0) older.push_back(head_->NewQuerier({}));  // In the middle of the batch.
    ASSERT_TRUE(appender->Commit().ok());
    if (random() % 150 == 0) Flush();
    if (older.size() > 5) older.erase(older.begin());
    older.push_back(head_->NewQuerier({}));
    for (const auto& querier : older) {
      const model::TimeMs end = now - static_cast<int64_t>(random() % 3) * static_cast<int64_t>(random() % (10 * kMinute));
      const model::TimeRange range{end - static_cast<int64_t>(random() % (20 * kMinute)), end};
      EXPECT_EQ(testing_support::Difference(Newest(querier.get(), range, true), Newest(querier.get(), range, false)), "");
    }
    older.pop_back();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace storage
