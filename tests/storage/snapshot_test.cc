#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <random>
#include <thread>

#include <absl/time/clock.h>

#include "storage/base/status.h"
#include "storage/copies/copy_name.h"
#include "storage/database.h"
#include "tests/testing/copy_dir.h"
#include "tests/testing/faulty_files.h"
#include "tests/testing/sample_model.h"
#include "tests/testing/temp_dir.h"

namespace storage {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing_support::Bits;
using testing_support::Difference;
using testing_support::SampleModel;
using testing_support::TestLabels;

constexpr model::TimeMs kStart = 1'700'000'000'000;
constexpr int64_t kStep = 15'000;
constexpr int kSeries = 30;

class FixedClock : public base::Clock {
 public:
  int64_t NowMs() const override { return now_ms; }
  std::atomic<int64_t> now_ms{kStart};
};

// Calls back before every operation that changes something.
class WatchedFiles : public testing_support::FaultyFiles {
 public:
  absl::StatusOr<std::unique_ptr<wal::AppendFile>> Create(const std::string& path) override {
    Before();
    return FaultyFiles::Create(path);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    Before();
    if (power_cut_before && power_cut_before(to)) DropUnsynced();
    const absl::Status status = FaultyFiles::Rename(from, to);
    Before();
    return status;
  }
  absl::Status CreateDirs(const std::string& path) override {
    Before();
    return FaultyFiles::CreateDirs(path);
  }
  absl::Status SyncDir(const std::string& path) override {
    Before();
    return FaultyFiles::SyncDir(path);
  }
  std::function<void()> before;
  std::function<bool(const std::string& renamed_to)> power_cut_before;

 private:
  void Before() const {
    if (before) before();
  }
};

class SnapshotTest : public ::testing::Test {
 protected:
  void SetUp() override {
    db_ = Open(dir());
    ASSERT_NE(db_, nullptr);
  }
  std::unique_ptr<Database> Open(const std::string& dir, bool replay = true) {
    DatabaseOptions options;
    options.dir = dir;
    options.clock = &clock_;
    options.block_cache_bytes = 4 << 20;
    options.out_of_order_window_ms = 3600'000;
    options.replay_on_open = replay;
    if (dir == this->dir()) {
      options.wal.files = &files_;
      options.after_flush_step = [this](FlushStep step) {
        if (after_step_) after_step_(step);
      };
    }
    auto db = Database::Open(std::move(options));
    EXPECT_TRUE(db.ok()) << db.status();
    return db.ok() ? std::move(*db) : nullptr;
  }
  void Scrape(Database& db, model::TimeMs t, SampleModel* want) {
    auto appender = db.NewAppender();
    for (int i = 0; i < kSeries; ++i) {
      const double value = static_cast<double>(random_() % 1000);
      const Appended appended = appender->Append(SeriesRef::kNone, TestLabels(i), {t, value});
      ASSERT_EQ(appended.outcome, Outcome::kAccepted) << i << " at " << t;
      (*want)[TestLabels(i)][t] = Bits(value);
    }
    ASSERT_TRUE(appender->Commit().ok());
    clock_.now_ms = std::max<int64_t>(clock_.now_ms, t);
  }
  void Delete(const std::string& metric, model::TimeRange range, SampleModel* want) {
    const std::vector<std::vector<model::Matcher>> sets = {
        {model::Matcher::Equal("__name__", metric)}};
    ASSERT_TRUE(db_->Delete(sets, range).ok());
    testing_support::DeleteFrom(want, sets[0], range);
  }
  // Blocks, what was deleted of them, a head with late samples; the log has the newest.
  void Fill() {
    int n = 0;
    for (int block = 0; block < 3; ++block) {
      for (int i = 0; i < 40; ++i) Scrape(*db_, At(n++), &want_);
      if (block == 2) break;
      ASSERT_TRUE(db_->FlushHead().ok());
      flushed_ = want_;
    }
    Delete("metric_1", {At(10), At(20)}, &want_);
    Delete("metric_2", {}, &want_);
    flushed_ = want_;  // A delete in the head flushes it.
    for (int i = 0; i < 10; ++i) Scrape(*db_, At(n++), &want_);
    Scrape(*db_, At(n - 5) + 1, &want_);  // Late.
  }
  static model::TimeMs At(int n) { return kStart + n * kStep; }
  static SampleModel ReadAll(Database& db) {
    auto querier = db.NewQuerier({});
    EXPECT_TRUE(querier.ok()) << querier.status();
    return testing_support::ReadAll(**querier, {});
  }
  std::string dir() const { return temp_.path() + "/data"; }
  std::string snapshot() const { return dir() + "/snapshots/20261129T101112Z-0123456789abcdef"; }

  testing_support::TempDir temp_;
  FixedClock clock_;
  WatchedFiles files_;
  std::function<void(FlushStep)> after_step_;
  std::mt19937 random_{7};
  SampleModel want_, flushed_;
  std::unique_ptr<Database> db_;
};

TEST_F(SnapshotTest, IsADatabaseWithAllThatWasAcknowledged) {
  Fill();
  ASSERT_TRUE(db_->Snapshot(snapshot(), false).ok());
  const SampleModel then = want_;
  Scrape(*db_, At(200), &want_);
  Delete("metric_3", {}, &want_);

  auto copy = Open(snapshot());
  ASSERT_NE(copy, nullptr);
  EXPECT_EQ(Difference(ReadAll(*copy), then), "");
  EXPECT_EQ(copy->stats().wal_corruptions, 0);
  // Two databases from here on.
  SampleModel of_copy = then;
  Scrape(*copy, At(300), &of_copy);
  ASSERT_TRUE(copy->FlushHead().ok());
  EXPECT_EQ(Difference(ReadAll(*copy), of_copy), "");
  ASSERT_TRUE(copy->Close().ok());
  EXPECT_EQ(Difference(ReadAll(*db_), want_), "");
  copy = Open(snapshot());
  EXPECT_EQ(Difference(ReadAll(*copy), of_copy), "");
}

TEST_F(SnapshotTest, WithoutTheHeadHoldsWhatBlocksHold) {
  Fill();
  const uint64_t flushes = db_->stats().flushes;
  ASSERT_TRUE(db_->Snapshot(snapshot(), true).ok());
  EXPECT_EQ(db_->stats().flushes, flushes);
  auto copy = Open(snapshot());
  ASSERT_NE(copy, nullptr);
  EXPECT_EQ(Difference(ReadAll(*copy), flushed_), "");
}

// In the middle of one, the checkpoint that goes with the blocks is about to be replaced.
TEST_F(SnapshotTest, WaitsForAFlushUnderWay) {
  Fill();
  std::thread snapshots;
  std::atomic<bool> made{false};
  after_step_ = [&](FlushStep step) {
    if (step == FlushStep::kCheckpointed) {
      snapshots = std::thread([&] {
        EXPECT_TRUE(db_->Snapshot(snapshot(), true).ok());
        made = true;
      });
      absl::SleepFor(absl::Milliseconds(200));
    }
    EXPECT_FALSE(made);
  };
  ASSERT_TRUE(db_->FlushHead().ok());
  snapshots.join();
  after_step_ = nullptr;
  auto copy = Open(snapshot());
  ASSERT_NE(copy, nullptr);
  EXPECT_EQ(Difference(ReadAll(*copy), want_), "");
}

TEST_F(SnapshotTest, OfAnEmptyDatabaseIsOne) {
  ASSERT_TRUE(db_->Snapshot(snapshot(), true).ok());
  ASSERT_TRUE(db_->Snapshot(snapshot() + "-2", false).ok());
  for (const std::string& path : {snapshot(), snapshot() + "-2"}) {
    auto copy = Open(path);
    ASSERT_NE(copy, nullptr);
    EXPECT_THAT(ReadAll(*copy), IsEmpty());
    SampleModel want;
    Scrape(*copy, At(0), &want);
    EXPECT_EQ(Difference(ReadAll(*copy), want), "");
  }
}

TEST_F(SnapshotTest, KeepsWhatTheHeadKnowsOfItsSeries) {
  Fill();
  clock_.now_ms = At(200);
  {
    auto appender = db_->NewAppender();
    const Appended appended =
        appender->Append(SeriesRef::kNone, TestLabels(0), {At(200), 1});
    ASSERT_TRUE(appender->AppendExemplar(
        appended.ref, {model::Labels{{"trace_id", "a"}}, 1, At(200), /*has_time=*/true}));
    ASSERT_TRUE(appender->Commit().ok());
  }
  ASSERT_TRUE(db_->Snapshot(snapshot(), false).ok());
  auto copy = Open(snapshot());
  ASSERT_NE(copy, nullptr);
  const std::vector<std::vector<model::Matcher>> all = {
      {*model::Matcher::Create(model::MatchType::kRegex, "__name__", ".+")}};
  const auto exemplars = copy->Exemplars(all, {});
  ASSERT_TRUE(exemplars.ok());
  ASSERT_EQ(exemplars->size(), 1);
  EXPECT_EQ(exemplars->front().exemplars.size(), 1);
  for (Database* db : {db_.get(), copy.get()}) {
    db->SetOutOfOrderWindow(0);
    auto appender = db->NewAppender();
    EXPECT_EQ(appender->Append(SeriesRef::kNone, TestLabels(0), {At(199), 2}).outcome,
              Outcome::kOutOfOrder);
    EXPECT_EQ(appender->Append(SeriesRef::kNone, TestLabels(1), {At(199), 2}).outcome,
              Outcome::kAccepted);
  }
}

TEST_F(SnapshotTest, SharesTablesAndKeepsThemWhenTheSourceLosesThem) {
  Fill();
  ASSERT_TRUE(db_->Snapshot(snapshot(), false).ok());
  int tables = 0;
  for (const auto& entry : fs::directory_iterator(snapshot() + "/tidemark/blocks")) {
    if (entry.path().extension() != ".sst") continue;
    ++tables;
    EXPECT_EQ(fs::hard_link_count(entry.path()), 2) << entry.path();
  }
  EXPECT_GT(tables, 6);
  for (const BlockMeta& meta : db_->blocks()->Metas()) {
    ASSERT_TRUE(db_->blocks()->Drop(meta.ulid).ok());
  }
  ASSERT_TRUE(db_->Close().ok());
  fs::remove_all(dir() + "/tidemark");
  auto copy = Open(snapshot());
  EXPECT_EQ(Difference(ReadAll(*copy), want_), "");
}

TEST_F(SnapshotTest, OutlivesTheLossOfItsManifest) {
  Fill();
  ASSERT_TRUE(db_->Snapshot(snapshot(), false).ok());
  ASSERT_TRUE(fs::remove(snapshot() + "/tidemark/blocks/CURRENT"));
  auto copy = Open(snapshot());
  ASSERT_NE(copy, nullptr);
  EXPECT_EQ(Difference(ReadAll(*copy), want_), "");
}

TEST_F(SnapshotTest, CopiesToWhereLinksCannotGo) {
  struct stat here, there;
  ASSERT_EQ(::stat(temp_.path().c_str(), &here), 0);
  if (::stat("/dev/shm", &there) != 0 || here.st_dev == there.st_dev) {
    GTEST_SKIP() << "there is one file system only";
  }
  Fill();
  const std::string far = fmt::format("/dev/shm/tidemark-test-{}", ::getpid());
  ASSERT_TRUE(db_->Snapshot(far, false).ok());
  auto copy = Open(far);
  EXPECT_EQ(Difference(ReadAll(*copy), want_), "");
  copy.reset();
  fs::remove_all(far);
}

TEST_F(SnapshotTest, HeldFilesStayUntilTheyAreLetGo) {
  Fill();
  ASSERT_TRUE(db_->FlushHead().ok());
  auto held = db_->blocks()->Hold();
  ASSERT_TRUE(held.ok()) << held.status();
  for (const BlockMeta& meta : db_->blocks()->Metas()) {
    ASSERT_TRUE(db_->blocks()->Drop(meta.ulid).ok());
  }
  std::vector<std::string> tables;
  for (const StoreFile& file : (*held)->files()) {
    const std::string path = dir() + "/tidemark/blocks/" + file.name;
    if (file.contents.empty()) {
      EXPECT_TRUE(fs::exists(path)) << path;
    }
    if (file.fixed) tables.push_back(path);
  }
  held->reset();
  const auto gone = [&] {
    return std::count_if(tables.begin(), tables.end(),
                         [](const std::string& path) { return !fs::exists(path); });
  };
  for (int i = 0; i < 500 && gone() < 6; ++i) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_GE(gone(), 6);
}

TEST_F(SnapshotTest, IsRefusedWhileTheLogIsReadAndForATakenName) {
  Fill();
  EXPECT_TRUE(absl::IsAlreadyExists(db_->Snapshot(dir() + "/tidemark", false)));
  EXPECT_TRUE(fs::exists(dir() + "/tidemark/FORMAT"));
  testing_support::CopyDir(dir(), temp_.path() + "/crashed");
  auto reading = Open(temp_.path() + "/crashed", /*replay=*/false);
  for (const bool skip_head : {false, true}) {
    const absl::Status status = reading->Snapshot(snapshot(), skip_head);
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_THAT(std::string(base::message(status)), HasSubstr("log is still being read"));
  }
  EXPECT_FALSE(fs::exists(snapshot()));
  ASSERT_TRUE(reading->Replay(nullptr).ok());
  ASSERT_TRUE(reading->Snapshot(snapshot(), false).ok());
  auto copy = Open(snapshot());
  EXPECT_EQ(Difference(ReadAll(*copy), want_), "");
}

// Whatever the disk refuses, nothing is left of it, and the database is as it was.
TEST_F(SnapshotTest, AFailureLeavesNothing) {
  Fill();
  int failures = 0;
  for (int n = 0;; ++n) {
    files_.FailAfter(n);
    const absl::Status status = db_->Snapshot(snapshot(), false);
    const bool removing_failed = fs::exists(snapshot() + ".tmp");
    files_.Heal();
    if (status.ok()) break;
    ++failures;
    // FailAfter lets nothing succeed afterwards, removing neither: that is for the next start.
    if (removing_failed) {
      ASSERT_TRUE(files_.RemoveTree(snapshot() + ".tmp").ok());
    }
    if (fs::exists(snapshot())) {  // The last step: whole, but perhaps not after a power cut.
      auto copy = Open(snapshot());
      EXPECT_EQ(Difference(ReadAll(*copy), want_), "");
      copy.reset();
      fs::remove_all(snapshot());
    }
    EXPECT_EQ(Difference(ReadAll(*db_), want_), "") << n;
    ASSERT_TRUE(db_->FlushHead().ok());  // Removes the log that could not be removed.
    ASSERT_LT(n, 1000);
  }
  EXPECT_GT(failures, 10);
  auto copy = Open(snapshot());
  EXPECT_EQ(Difference(ReadAll(*copy), want_), "");
}

TEST_F(SnapshotTest, ACrashLeavesAllOfItOrNothing) {
  Fill();
  int crashes = 0, whole = 0;
  const std::string crashed = temp_.path() + "/crashed";
  const std::string name = fs::path(snapshot()).filename();
  files_.before = [&] {
    const auto before = std::exchange(files_.before, nullptr);
    testing_support::CopyDir(dir(), crashed);
    ++crashes;
    if (fs::exists(crashed + "/snapshots/" + name)) {
      ++whole;
      auto copy = Open(crashed + "/snapshots/" + name);
      EXPECT_EQ(Difference(ReadAll(*copy), want_), "");
    }
    auto db = Open(crashed);
    EXPECT_EQ(Difference(ReadAll(*db), want_), "");
    EXPECT_FALSE(fs::exists(crashed + "/snapshots/" + name + ".tmp"));
    files_.before = before;
  };
  ASSERT_TRUE(db_->Snapshot(snapshot(), false).ok());
  files_.before = nullptr;
  EXPECT_GT(crashes, 10);
  EXPECT_GT(whole, 0);
}

TEST_F(SnapshotTest, HasItsBytesOnTheDiskBeforeItsName) {
  Fill();
  files_.power_cut_before = [&](const std::string& to) { return to == snapshot(); };
  ASSERT_TRUE(db_->Snapshot(snapshot(), false).ok());
  auto copy = Open(snapshot());
  EXPECT_EQ(Difference(ReadAll(*copy), want_), "");
}

TEST(CopyName, IsATimeAndChance) {
  const std::string name = NewCopyName(kStart);
  EXPECT_THAT(name, ::testing::StartsWith("20231114T221320Z-"));
  EXPECT_TRUE(IsCopyName(name));
  EXPECT_NE(name, NewCopyName(kStart));
  for (int ms = 0; ms < 2000; ms += 1 + ms % 7) {  // Also within a second.
    EXPECT_LT(NewCopyName(kStart + ms), NewCopyName(kStart + ms + 1)) << ms;
  }
  for (const char* other : {"", "20231114T221320Z", "20231114T221320Z-0123456789abcdeg",
                            "20231114T221320Z-0123456789abcdef.tmp", "lost+found"}) {
    EXPECT_FALSE(IsCopyName(other)) << other;
  }
}

}  // namespace
}  // namespace storage
