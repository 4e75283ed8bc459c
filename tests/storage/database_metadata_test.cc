// Metadata from the door in to the door out: log, checkpoints, crashes, snapshots, forgetting.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "storage/copies/backup.h"
#include "storage/database.h"
#include "tests/testing/copy_dir.h"
#include "tests/testing/temp_dir.h"

namespace storage {
namespace {

using model::MetricType;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr model::TimeMs kStart = 1'700'000'000'000;
constexpr int64_t kHour = 3'600'000;

class FixedClock : public base::Clock {
 public:
  int64_t NowMs() const override { return now_ms; }
  std::atomic<int64_t> now_ms{kStart};
};

std::vector<std::string> Text(const Database& db) {
  std::vector<std::string> lines;
  for (const auto& entry : db.Metadata("")) {
    lines.push_back(fmt::format("{} {} {} {}", entry.family, ToString(entry.metadata.type),
                                entry.metadata.help, entry.metadata.unit));
  }
  return lines;
}

class DatabaseMetadataTest : public ::testing::Test {
 protected:
  void SetUp() override { db_ = Open(dir()); }
  std::unique_ptr<Database> Open(const std::string& dir) {
    DatabaseOptions options;
    options.dir = dir;
    options.block_cache_bytes = 4 << 20;
    options.clock = &clock_;
    options.after_flush_step = [this](FlushStep step) {
      if (after_step_) after_step_(step);
    };
    auto db = Database::Open(options);
    EXPECT_TRUE(db.ok()) << db.status();
    return db.ok() ? *std::move(db) : nullptr;
  }
  // Whether it was known.
  bool Tell(std::string family, MetricType type, std::string help, std::string unit = "",
            bool sample = true) {
    auto appender = db_->NewAppender();
    if (sample) {
      const model::Labels labels{{"__name__", family}};
      appender->Append(SeriesRef::kNone, labels, {clock_.now_ms, 1});
    }
    const bool known = appender->UpdateMetadata(family, {type, help, unit});
    EXPECT_TRUE(appender->Commit().ok());
    return known;
  }
  std::string Copy() {
    const std::string copy = temp_.path() + "/copy";
    std::filesystem::remove_all(copy);
    testing_support::CopyDir(dir(), copy);
    return copy;
  }
  // What the next start finds after kill -9 at this moment; and then, after a flush and another one.
  void ExpectAfterCrash(const std::vector<std::string>& want, int step = -1) {
    const auto quiet = std::exchange(after_step_, nullptr);
    const std::string copy = Copy();
    auto db = Open(copy);
    EXPECT_EQ(Text(*db), want) << step;
    EXPECT_TRUE(db->FlushHead().ok());
    db.reset();
    db = Open(copy);
    EXPECT_EQ(Text(*db), want) << step << ", flushed";
    db.reset();
    after_step_ = quiet;
  }
  std::string dir() const { return temp_.path() + "/data"; }

  testing_support::TempDir temp_;
  FixedClock clock_;
  std::function<void(FlushStep)> after_step_;
  std::unique_ptr<Database> db_;
};

TEST_F(DatabaseMetadataTest, SurvivesACrashRestartsAndFlushes) {
  EXPECT_FALSE(Tell("up", MetricType::kGauge, "Up."));
  EXPECT_FALSE(Tell("b", MetricType::kCounter, "B.", "bytes", /*sample=*/false));
  const std::vector<std::string> want = {"b counter B. bytes", "up gauge Up. "};
  EXPECT_EQ(Text(*db_), want);
  ExpectAfterCrash(want);
  ASSERT_TRUE(db_->Close().ok());
  db_ = Open(dir());
  EXPECT_EQ(Text(*db_), want);
  EXPECT_TRUE(Tell("up", MetricType::kGauge, "Up."));
  EXPECT_EQ(db_->stats().metadata_entries, 2u);
}

TEST_F(DatabaseMetadataTest, ACrashAtAnyStepOfAFlushLosesNothing) {
  Tell("a", MetricType::kGauge, "A.");
  std::vector<std::string> want = {"a gauge A. "};
  for (int round = 0; round < 2; ++round) {
    int steps = 0;
    after_step_ = [&](FlushStep step) {
      ++steps;
      const std::string name = fmt::format("m{}{}", round, static_cast<int>(step));
      Tell(name, MetricType::kSummary, "New.");
      want.push_back(name + " summary New. ");
      ExpectAfterCrash(want, static_cast<int>(step));
    };
    ASSERT_TRUE(db_->FlushHead().ok());
    EXPECT_EQ(steps, 6);
    after_step_ = nullptr;
    ExpectAfterCrash(want);
  }
}

TEST_F(DatabaseMetadataTest, WhatIsKnownIsNotLoggedAgain) {
  Tell("up", MetricType::kGauge, "Up.", "", /*sample=*/false);
  const uint64_t records = db_->stats().wal.records;
  for (int i = 0; i < 100; ++i) {
    clock_.now_ms += kHour;
    EXPECT_TRUE(Tell("up", MetricType::kGauge, "Up.", "", /*sample=*/false));
  }
  EXPECT_EQ(db_->stats().wal.records, records);
  EXPECT_EQ(db_->Metadata("up").front().seen, clock_.now_ms);
  EXPECT_FALSE(Tell("up", MetricType::kGauge, "Up!", "", /*sample=*/false));
  EXPECT_EQ(db_->stats().wal.records, records + 1);
}

TEST_F(DatabaseMetadataTest, ABatchThatIsDroppedLeavesNone) {
  db_->NewAppender()->UpdateMetadata("up", {MetricType::kGauge, "Up.", ""});
  EXPECT_THAT(Text(*db_), IsEmpty());
  ExpectAfterCrash({});
}

TEST_F(DatabaseMetadataTest, IsInSnapshotsAndBackups) {
  Tell("up", MetricType::kGauge, "Up.");
  const std::string snapshot = temp_.path() + "/snapshot";
  ASSERT_TRUE(db_->Snapshot(snapshot, false).ok());
  Tell("later", MetricType::kGauge, "Later.");
  EXPECT_THAT(Text(*Open(snapshot)), ElementsAre("up gauge Up. "));
  std::filesystem::create_directories(temp_.path() + "/backups");
  std::filesystem::create_directories(temp_.path() + "/restored");
  const std::string name = "20261129T101112Z-0123456789abcdef";
  const auto backup = MakeBackup(snapshot, temp_.path() + "/backups", name, kStart);
  ASSERT_TRUE(backup.ok()) << backup.status();
  ASSERT_TRUE(Restore(backup->path, temp_.path() + "/restored").ok());
  EXPECT_THAT(Text(*Open(temp_.path() + "/restored")), ElementsAre("up gauge Up. "));
}

TEST_F(DatabaseMetadataTest, GoesWithTheRetentionAndWithTheLastOfItsMetric) {
  Tell("up", MetricType::kGauge, "Up.");
  Tell("x_total", MetricType::kCounter, "X.");
  Tell("x", MetricType::kCounter, "Of x_total, as OpenMetrics says it.", "", /*sample=*/false);
  Tell("never", MetricType::kGauge, "Of nothing.", "", /*sample=*/false);
  ASSERT_TRUE(db_->ForgetMetadata(kStart).ok());
  EXPECT_EQ(Text(*db_).size(), 4u);  // All were heard just now.
  clock_.now_ms += 3 * kHour;
  ASSERT_TRUE(db_->FlushHead().ok());
  ASSERT_TRUE(db_->ForgetMetadata(kStart).ok());
  EXPECT_THAT(Text(*db_), ElementsAre("up gauge Up. ", "x counter Of x_total, as OpenMetrics says it. ",
                                      "x_total counter X. "));
  const std::vector<std::vector<model::Matcher>> sets = {
      {*model::Matcher::Create(model::MatchType::kEqual, "__name__", "x_total")}};
  ASSERT_TRUE(db_->Delete(sets, {}).ok());
  ASSERT_TRUE(db_->ForgetMetadata(kStart).ok());
  EXPECT_THAT(Text(*db_), ElementsAre("up gauge Up. "));
  Tell("up", MetricType::kGauge, "Up!");
  ASSERT_TRUE(db_->ForgetMetadata(kStart + 1).ok());
  EXPECT_THAT(Text(*db_), ElementsAre("up gauge Up! "));
  ASSERT_TRUE(db_->FlushHead().ok());
  ExpectAfterCrash({"up gauge Up! "});
}

}  // namespace
}  // namespace storage
