// Exemplars through merges, and how long they stay.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "compaction/compactor.h"
#include "compaction/scheduler.h"
#include "storage/database.h"
#include "tests/testing/exemplar_model.h"
#include "tests/testing/sample_model.h"
#include "tests/testing/temp_dir.h"

namespace compaction {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing_support::Difference;
using testing_support::ExemplarModel;
using testing_support::ReadExemplars;
using testing_support::TestExemplar;
using testing_support::TestLabels;
using Set = std::vector<model::Matcher>;

constexpr model::TimeMs kStart = 1'700'006'400'000;  // A UTC day begins.
constexpr model::TimeRange kAll;

class FixedClock : public base::Clock {
 public:
  int64_t NowMs() const override { return now_ms; }
  std::atomic<int64_t> now_ms{kStart};
};

class ExemplarsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    storage::DatabaseOptions options;
    options.dir = temp_.path() + "/data";
    options.block_cache_bytes = 4 << 20;
    options.clock = &clock_;
    db_ = *storage::Database::Open(options);
  }
  // A flushed block: of some series samples, of some exemplars, of some both.
  void AddBlock(ExemplarModel* want) {
    for (int k = 0; k < 10; ++k) {
      clock_.now_ms += 15'000;
      auto appender = db_->NewAppender();
      for (int i = 0; i < 30; ++i) {
        auto& ref = refs_[i];
        if (ref == storage::SeriesRef::kNone || random_() % 3) {
          ref = appender->Append({}, TestLabels(i), {clock_.now_ms, 1}).ref;
        }
        if (i % 4 == 3 || random_() % 3) continue;
        const model::Exemplar e = TestExemplar(clock_.now_ms, static_cast<double>(random_() % 9),
                                               std::to_string(random_()));
        ASSERT_TRUE(appender->AppendExemplar(ref, e));
        (*want)[TestLabels(i)].insert(e);
      }
      ASSERT_TRUE(appender->Commit().ok());
    }
    ASSERT_TRUE(db_->FlushHead().ok());
  }
  Plan MergeAll() {
    Plan plan;
    for (const storage::BlockMeta& meta : db_->blocks()->Metas()) plan.blocks.push_back(meta.ulid);
    plan.level = 1;
    return plan;
  }
  void Delete(const Set& set, model::TimeRange range, ExemplarModel* want) {
    const std::vector<Set> sets = {set};
    ASSERT_TRUE(db_->Delete(sets, range).ok());
    testing_support::DeleteExemplars(want, set, range);
  }

  testing_support::TempDir temp_;
  FixedClock clock_;
  std::mt19937 random_{1};
  std::map<int, storage::SeriesRef> refs_;
  std::unique_ptr<storage::Database> db_;
};

TEST_F(ExemplarsTest, MergesCarryThemOverAndLeaveOutWhatIsDeleted) {
  ExemplarModel want;
  for (int i = 0; i < 6; ++i) AddBlock(&want);
  const auto merged = Merge(MergeAll(), db_->blocks(), [] { return true; });
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_EQ(Difference(ReadExemplars(*db_), want), "");
  uint64_t all = 0;
  for (const auto& [labels, exemplars] : want) all += exemplars.size();
  ASSERT_THAT(*merged, SizeIs(1));
  EXPECT_EQ(merged->front().num_exemplars, all);

  Delete({model::Matcher::Equal("job", "odd")}, {kStart, kStart + 300'000}, &want);
  EXPECT_EQ(Difference(ReadExemplars(*db_), want), "");
  AddBlock(&want);
  const auto again = Merge(MergeAll(), db_->blocks(), [] { return true; });
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(Difference(ReadExemplars(*db_), want), "");
  ASSERT_THAT(db_->blocks()->Metas(), SizeIs(1));
  EXPECT_EQ(db_->blocks()->Metas()[0].deleted_series, 0u);
}

// The merge may have read what goes; the step that publishes it deletes it once more.
TEST_F(ExemplarsTest, WhatIsDeletedDuringAMergeStaysDeleted) {
  ExemplarModel want;
  for (int i = 0; i < 3; ++i) AddBlock(&want);
  int series = 0;
  const auto merged = Merge(MergeAll(), db_->blocks(), [&] {
    if (++series == 28) {
      Delete({model::Matcher::Equal("job", "even")}, {kStart, kStart + 200'000}, &want);
      Delete({model::Matcher::Equal("__name__", "metric_1")}, kAll, &want);
    }
    return true;
  });
  ASSERT_TRUE(merged.ok()) << merged.status();
  ASSERT_THAT(db_->blocks()->Metas(), SizeIs(1));
  EXPECT_EQ(Difference(ReadExemplars(*db_), want), "");
  ASSERT_TRUE(Merge(MergeAll(), db_->blocks(), [] { return true; }).ok());
  EXPECT_EQ(Difference(ReadExemplars(*db_), want), "");
}

TEST_F(ExemplarsTest, WithoutASampleLeftTheyKeepTheTimeOfTheirBlocks) {
  ExemplarModel want;
  AddBlock(&want);
  const model::TimeRange samples = db_->blocks()->Metas()[0].range;
  auto appender = db_->NewAppender();
  const model::Exemplar old = TestExemplar(5, 1, "of long ago");
  const storage::SeriesRef ref = appender->Append({}, TestLabels(99), {clock_.now_ms, 1}).ref;
  ASSERT_TRUE(appender->AppendExemplar(ref, old));
  ASSERT_TRUE(appender->Commit().ok());
  want[TestLabels(99)].insert(old);
  ASSERT_TRUE(db_->FlushHead().ok());
  Delete({}, samples, &want);
  ASSERT_TRUE(Merge(MergeAll(), db_->blocks(), [] { return true; }).ok());
  EXPECT_EQ(Difference(ReadExemplars(*db_), want), "");
  ASSERT_THAT(db_->blocks()->Metas(), SizeIs(1));
  EXPECT_EQ(db_->blocks()->Metas()[0].num_samples, 0u);
  EXPECT_EQ(db_->blocks()->Metas()[0].range.max, clock_.now_ms);

  Delete({}, kAll, &want);
  ASSERT_TRUE(Merge(MergeAll(), db_->blocks(), [] { return true; }).ok());
  EXPECT_THAT(db_->blocks()->Metas(), IsEmpty());
}

TEST_F(ExemplarsTest, TheyGoWithTheirBlockAndWithTheirSeries) {
  ExemplarModel want;
  AddBlock(&want);
  const std::string first = db_->blocks()->Metas()[0].ulid;
  const ExemplarModel before = want;
  AddBlock(&want);
  ASSERT_TRUE(db_->blocks()->Drop(first).ok());
  for (const auto& [labels, exemplars] : before) {
    for (const model::Exemplar& e : exemplars) want[labels].erase(e);
  }
  EXPECT_EQ(Difference(ReadExemplars(*db_), want), "");
  ASSERT_TRUE(Merge(MergeAll(), db_->blocks(), [] { return true; }, [](model::LabelsView labels) {
                return labels.Get("job") == "odd";
              }).ok());
  testing_support::DeleteExemplars(&want, {model::Matcher::Equal("job", "even")}, kAll);
  EXPECT_EQ(Difference(ReadExemplars(*db_), want), "");
}

}  // namespace
}  // namespace compaction
