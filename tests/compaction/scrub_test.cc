#include "compaction/scrub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "compaction/scheduler.h"
#include "storage/block/ulid.h"
#include "tests/testing/sample_model.h"
#include "tests/testing/temp_dir.h"

namespace compaction {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kDay = 86'400'000, kWeek = 7 * kDay;

class ScrubTest : public ::testing::Test {
 protected:
  void SetUp() override {
    storage::DatabaseOptions options;
    options.dir = temp_.path();
    auto db = storage::Database::Open(options);
    ASSERT_TRUE(db.ok()) << db.status();
    db_ = std::move(*db);
    Restart();
  }
  void Restart(ScrubOptions options = {}) {
    scrub_ = std::make_unique<Scrub>(db_->blocks(), File(), options);
  }
  std::string File() const { return temp_.path() + "/tidemark/scrub"; }
  std::string Write() {
    storage::BlockMeta like;
    like.level = 2;  // Merges leave it alone.
    constexpr model::TimeMs kMidnight = 1'700'006'400'000;  // In one day.
    const auto model = testing_support::RandomModel(random_, 30, kMidnight, 15'000, 2000);
    return testing_support::WriteBlock(*db_->blocks(), model, like).ulid;
  }
  // The block read whole, in steps.
  int Run(model::TimeMs now, uint64_t step = 1 << 20) {
    int steps = 0;
    for (const uint64_t blocks = scrub_->stats().blocks; scrub_->stats().blocks == blocks; ++steps) {
      if (!scrub_->Step(step, now)) break;
    }
    return steps;
  }
  void Damage(std::string_view what) {
    std::string largest;
    for (const auto& entry :
         std::filesystem::directory_iterator(temp_.path() + "/tidemark/blocks")) {
      if (entry.path().extension() != ".sst") continue;
      if (largest.empty() || entry.file_size() > std::filesystem::file_size(largest)) {
        largest = entry.path();
      }
    }
    std::fstream stream(largest, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(static_cast<std::streamoff>(std::filesystem::file_size(largest) / 2));
    stream << what;
  }

  testing_support::TempDir temp_;
  std::mt19937 random_{1};
  std::unique_ptr<storage::Database> db_;
  std::unique_ptr<Scrub> scrub_;
};

TEST_F(ScrubTest, EachBlockHasItsTurnOncePerIntervalTheOneThatWaitsLongestFirst) {
  const std::string a = Write(), b = Write();
  const model::TimeMs born = storage::block::UlidTimeMs(b);
  EXPECT_EQ(Run(born + kDay), 0);
  EXPECT_EQ(scrub_->stats().blocks_due, 0u);
  EXPECT_EQ(Run(born + kWeek), 1);
  EXPECT_EQ(scrub_->stats().blocks_due, 1u);
  EXPECT_EQ(Run(born + kWeek + kDay), 1);
  EXPECT_EQ(Run(born + kWeek + kDay), 0);
  EXPECT_EQ(scrub_->stats().oldest, born + kWeek);
  EXPECT_EQ(Run(born + 2 * kWeek), 1);
  EXPECT_EQ(Run(born + 2 * kWeek), 0);  // The other is one of tomorrow.
  EXPECT_EQ(scrub_->stats().blocks, 3u);
  EXPECT_GT(scrub_->stats().bytes, db_->blocks()->bytes());
  EXPECT_EQ(scrub_->stats().damaged, 0u);
  EXPECT_THAT(db_->blocks()->damage()->list(), IsEmpty());
}

TEST_F(ScrubTest, RemembersOverARestartAndForgetsWithADamagedFile) {
  const model::TimeMs later = storage::block::UlidTimeMs(Write()) + kWeek;
  EXPECT_EQ(Run(later), 1);
  Restart();
  EXPECT_EQ(Run(later + kDay), 0);
  std::ofstream(File(), std::ios::app) << "x";
  Restart();
  EXPECT_EQ(Run(later + kDay), 1);
  EXPECT_EQ(Run(later - kDay), 1);  // The clock was ahead when that was noted.
}

TEST_F(ScrubTest, ReadsInStepsAndLetsGoOfABlockThatIsDropped) {
  const std::string ulid = Write();
  const model::TimeMs later = storage::block::UlidTimeMs(ulid) + kWeek;
  EXPECT_GT(Run(later, 1000), 3);
  ASSERT_TRUE(scrub_->Step(1000, later + kWeek));
  ASSERT_TRUE(db_->blocks()->Drop(ulid).ok());
  EXPECT_GT(Run(later + kWeek, 1000), 0);
  EXPECT_EQ(Run(later + 2 * kWeek), 0);
  EXPECT_THAT(db_->blocks()->damage()->list(), IsEmpty());
}

TEST_F(ScrubTest, ZeroMeansNever) {
  Write();
  Restart({.interval_ms = 0});
  EXPECT_EQ(scrub_->Step(1000, INT64_MAX), std::nullopt);
}

TEST_F(ScrubTest, TheSchedulersThreadFindsDamageWithoutBeingAsked) {
  const std::string ulid = Write();
  Damage("damage");
  SchedulerOptions options;
  options.check_interval_ms = 20;
  options.scrub = {.interval_ms = 1, .bytes_per_second = 100 << 20};
  Scheduler scheduler(db_.get(), options);
  scheduler.Start();
  for (int i = 0; i < 1000 && scheduler.stats().scrub.blocks < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  scheduler.Stop();
  EXPECT_GE(scheduler.stats().scrub.blocks, 3u);
  EXPECT_GE(scheduler.stats().scrub.damaged, 3u);
  const auto list = db_->blocks()->damage()->list();
  ASSERT_THAT(list, ::testing::Not(IsEmpty()));
  for (const storage::Damage& damage : list) {  // Once each, though found again and again.
    EXPECT_EQ(damage.block, ulid);
    EXPECT_EQ(damage.found_by, storage::FoundBy::kScrub);
    EXPECT_EQ(std::count_if(list.begin(), list.end(),
                            [&](const auto& other) {
                              return other.series == damage.series && other.range == damage.range;
                            }),
              1);
  }
}

// Reading at 20 KB a second takes its time, and whoever stops the thread does not wait for it.
TEST_F(ScrubTest, TheSchedulersThreadKeepsToTheRate) {
  Write();
  SchedulerOptions options;
  options.scrub = {.interval_ms = 1, .bytes_per_second = 20'000};
  Scheduler scheduler(db_.get(), options);
  const auto start = std::chrono::steady_clock::now();
  scheduler.Start();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  scheduler.Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
  EXPECT_GT(scheduler.stats().scrub.bytes, 0u);
  EXPECT_LT(scheduler.stats().scrub.bytes, 300'000u);  // One step.
  EXPECT_EQ(scheduler.stats().scrub.blocks, 0u);
}

TEST(ScrubText, RoundTripsAndRefusesWhatIsNone) {
  const std::map<std::string, model::TimeMs> some = {{"01A", 5}, {"01B", -7}};
  const std::string text = ScrubText(some);
  EXPECT_EQ(ParseScrubText(text), some);
  EXPECT_EQ(ParseScrubText(ScrubText({})), (std::map<std::string, model::TimeMs>{}));
  for (size_t i = 0; i < text.size(); ++i) {
    EXPECT_EQ(ParseScrubText(text.substr(0, i)), std::nullopt);
    std::string flipped = text;
    flipped[i] ^= 1;
    EXPECT_EQ(ParseScrubText(flipped), std::nullopt);
  }
}

}  // namespace
}  // namespace compaction
