// Weeks that come in one go: a bulk import.
#include <random>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/database.h"
#include "storage/model/time_windows.h"
#include "tests/testing/copy_dir.h"
#include "tests/testing/exemplar_model.h"
#include "tests/testing/mixed_model.h"
#include "tests/testing/random_histogram.h"
#include "tests/testing/seed.h"
#include "tests/testing/temp_dir.h"

namespace storage {
namespace {

using ::testing::SizeIs;
using model::kDayMs, model::kHourMs;
using testing_support::Difference;
using testing_support::MixedModel;

constexpr model::TimeMs kStart = 1'700'000'000'000;
constexpr model::TimeRange kAll;

class FixedClock : public base::Clock {
 public:
  int64_t NowMs() const override { return now_ms; }
  std::atomic<int64_t> now_ms{kStart};
};

class DatabaseImportTest : public ::testing::Test {
 protected:
  std::unique_ptr<Database> Open(const std::string& dir) {
    DatabaseOptions options;
    options.dir = dir;
    options.clock = &clock_;
    options.store_starts = true;
    options.after_flush_step = [this](FlushStep step) {
      if (after_step_) after_step_(step);
    };
    auto db = Database::Open(std::move(options));
    EXPECT_TRUE(db.ok()) << db.status();
    return std::move(*db);
  }
  // Samples of 12 series, some of them histograms, some with start times, some with exemplars.
  void Append(model::TimeMs t, std::mt19937& random) {
    auto appender = db_->NewAppender();
    for (int i = 0; i < 12; ++i) {
      if (random() % 8 == 0) continue;
      const model::Labels labels = testing_support::TestLabels(i);
      const model::TimeMs start = i % 3 == 0 ? 0 : t / (5 * kHourMs) * (5 * kHourMs) + i;
      appender->SetStart(start);
      const auto value = static_cast<double>(random() % 1000);
      const auto histogram = histograms_.Next();
      const Appended appended = i % 4 == 3
                                    ? appender->AppendHistogram({}, labels, t, histogram)
                                    : appender->Append({}, labels, {t, value});
      ASSERT_EQ(appended.outcome, Outcome::kAccepted);
      if (i % 4 == 3) {
        want_[labels][t] = testing_support::Plain(histogram);
      } else {
        want_[labels][t] = testing_support::Bits(value);
      }
      starts_[labels][t] = start;
      if (i % 5 != 0) continue;
      const model::Exemplar exemplar = testing_support::TestExemplar(t, value, "x");
      if (appender->AppendExemplar(appended.ref, exemplar)) exemplars_[labels].insert(exemplar);
    }
    ASSERT_TRUE(appender->Commit().ok());
    clock_.now_ms = std::max<int64_t>(clock_.now_ms, t);
  }
  void Check(Database& db) {
    EXPECT_EQ(Difference(testing_support::ReadAllMixed(**db.NewQuerier(kAll), kAll), want_), "");
    EXPECT_EQ(Difference(testing_support::ReadExemplars(db), exemplars_), "");
    const auto selection = *(*db.NewQuerier(kAll))->Select({{}, kAll, /*starts=*/true});
    model::StartRuns runs;
    for (int i = 0; i < selection->size(); ++i) {
      ASSERT_TRUE(selection->ReadStarts(i, kAll, &runs).ok());
      for (const auto& [t, start] : starts_[model::Labels(selection->labels(i))]) {
        ASSERT_EQ(model::StartAt(runs, t), start) << selection->labels(i).ToString() << " at " << t;
      }
    }
  }

  testing_support::TempDir temp_;
  FixedClock clock_;
  std::function<void(FlushStep)> after_step_;
  testing_support::RandomHistogram histograms_{1, false, false, true};
  MixedModel want_;
  std::map<model::Labels, std::map<model::TimeMs, model::TimeMs>> starts_;
  testing_support::ExemplarModel exemplars_;
  std::unique_ptr<Database> db_ = Open(temp_.path() + "/data");
};

// With late ones among them, and with a crash after each step of the flush.
TEST_F(DatabaseImportTest, WeeksBecomeABlockForEachDayInOneStep) {
  const uint32_t seed = testing_support::Seed();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  model::TimeMs t = kStart - 20 * kDayMs;
  db_->SetOutOfOrderWindow(40 * kDayMs);
  int steps = 0;
  after_step_ = [&](FlushStep step) {
    SCOPED_TRACE(static_cast<int>(step));
    ++steps;
    Check(*db_);
    const std::string copy = fmt::format("{}/copy-{}", temp_.path(), steps);
    testing_support::CopyDir(temp_.path() + "/data", copy);
    const auto after_step = std::exchange(after_step_, nullptr);
    Check(*Open(copy));
    after_step_ = after_step;
    t += kHourMs / 4;  // Commits go on.
    Append(t, random);
  };
  for (; t < kStart - kHourMs * 6; t += 60'000 + static_cast<int64_t>(random() % (3 * kHourMs))) {
    ASSERT_NO_FATAL_FAILURE(Append(t, random));
    if (random() % 5 != 0) continue;
    const model::TimeMs late = t - static_cast<int64_t>(random() % (12 * kDayMs));
    ASSERT_NO_FATAL_FAILURE(Append(late, random));
  }
  ASSERT_TRUE(db_->FlushHead().ok());
  EXPECT_EQ(steps, 6);
  EXPECT_EQ(db_->stats().flushes, 1u);
  EXPECT_GT(db_->blocks()->Metas().size(), 18u);
  for (const BlockMeta& meta : db_->blocks()->Metas()) {
    EXPECT_THAT(model::CutByDay(meta.range), SizeIs(1)) << meta.range.min << " " << meta.range.max;
  }
  after_step_ = nullptr;
  Check(*db_);
  ASSERT_TRUE(db_->FlushHead().ok());
  Check(*db_);
}

// Of a series that has start times, too.
TEST_F(DatabaseImportTest, ADayMayHaveAnExemplarAndNoSample) {
  const model::Labels labels = testing_support::TestLabels(1);
  clock_.now_ms = kStart + 10 * kDayMs;
  for (int day = 0; day < 4; ++day) {
    const model::TimeMs t = kStart + day * kDayMs;
    auto appender = db_->NewAppender();
    if (day % 2 == 0) {
      appender->SetStart(kStart - 7);
      ASSERT_EQ(appender->Append({}, labels, {t, 1.0}).outcome, Outcome::kAccepted);
      want_[labels][t] = testing_support::Bits(1);
      starts_[labels][t] = kStart - 7;
    }
    const model::Exemplar exemplar = testing_support::TestExemplar(t, 2, "x");
    ASSERT_TRUE(appender->AppendExemplar(appender->Find(labels), exemplar));
    exemplars_[labels].insert(exemplar);
    ASSERT_TRUE(appender->Commit().ok());
  }
  ASSERT_TRUE(db_->FlushHead().ok());
  Check(*db_);
  for (const BlockMeta& meta : db_->blocks()->Metas()) {
    EXPECT_THAT(model::CutByDay(meta.range), SizeIs(1));
  }
}

TEST_F(DatabaseImportTest, OneFlushAtMidnightStaysOneBlock) {
  std::mt19937 random(1);
  const model::TimeMs midnight = model::WindowStart(kStart, kDayMs) + kDayMs;
  for (int i = -40; i < 8; ++i) {
    ASSERT_NO_FATAL_FAILURE(Append(midnight + i * 15'000, random));
  }
  ASSERT_TRUE(db_->FlushHead().ok());
  EXPECT_THAT(db_->blocks()->Metas(), SizeIs(1));
  Check(*db_);
}

// A month apart, and nothing in between.
TEST_F(DatabaseImportTest, DaysWithoutSamplesHaveNoBlocks) {
  std::mt19937 random(1);
  clock_.now_ms = kStart + 1000 * kDayMs;
  for (int i = 0; i < 3; ++i) {
    ASSERT_NO_FATAL_FAILURE(Append(kStart + i * 300 * kDayMs, random));
  }
  ASSERT_TRUE(db_->FlushHead().ok());
  EXPECT_THAT(db_->blocks()->Metas(), SizeIs(3));
  Check(*db_);
}

}  // namespace
}  // namespace storage
