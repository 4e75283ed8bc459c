#include "storage/copies/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "storage/base/status.h"
#include "storage/block/table_id.h"
#include "storage/copies/copy_name.h"
#include "storage/data_dir.h"
#include "storage/database.h"
#include "tests/testing/copy_dir.h"
#include "tests/testing/faulty_files.h"
#include "tests/testing/sample_model.h"
#include "tests/testing/temp_dir.h"

namespace storage {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing_support::Bits;
using testing_support::Difference;
using testing_support::SampleModel;
using testing_support::TestLabels;

constexpr model::TimeMs kStart = 1'700'000'000'000;

std::string Text(const absl::Status& status) { return std::string(base::message(status)); }

// A power cut just before anything gets its final name.
class PowerCutFiles : public testing_support::FaultyFiles {
 public:
  absl::Status Rename(const std::string& from, const std::string& to) override {
    DropUnsynced();
    return FaultyFiles::Rename(from, to);
  }
};

class BackupTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(dir()); }
  void Open(const std::string& dir) {
    db_.reset();
    DatabaseOptions options;
    options.dir = dir;
    options.block_cache_bytes = 4 << 20;
    auto db = Database::Open(std::move(options));
    ASSERT_TRUE(db.ok()) << db.status();
    db_ = std::move(*db);
  }
  void Scrape(int batches) {
    for (; batches > 0; --batches, ++n_) {
      auto appender = db_->NewAppender();
      for (int i = 0; i < 30; ++i) {
        const double value = static_cast<double>(random_()) / 1000;
        appender->Append(SeriesRef::kNone, TestLabels(i), {kStart + n_ * 15'000, value});
        want_[TestLabels(i)][kStart + n_ * 15'000] = Bits(value);
      }
      ASSERT_TRUE(appender->Commit().ok());
    }
  }
  // A snapshot, and of that a backup.
  absl::StatusOr<BackupReport> BackUp(wal::FileSystem* files = wal::FileSystem::Posix()) {
    const std::string name = NewCopyName(kStart + 1000 * ++backups_);
    const std::string snapshot = dir() + "/snapshots/" + name;
    EXPECT_TRUE(db_->Snapshot(snapshot, false).ok());
    auto report = MakeBackup(snapshot, to(), name, kStart, files);
    fs::remove_all(snapshot);
    return report;
  }
  void ExpectRestores(const std::string& backup, const SampleModel& want) {
    const std::string dir = fmt::format("{}/restored-{}", temp_.path(), restores_++);
    const auto report = Restore(backup, dir);
    ASSERT_TRUE(report.ok()) << report.status();
    DatabaseOptions options;
    options.dir = dir;
    auto db = Database::Open(std::move(options));
    ASSERT_TRUE(db.ok()) << db.status();
    auto querier = (*db)->NewQuerier({});
    ASSERT_TRUE(querier.ok());
    EXPECT_EQ(Difference(testing_support::ReadAll(**querier, {}), want), "");
    querier->reset();
    db->reset();
    // A server writes there: nothing may be one with the backup.
    EXPECT_TRUE(VerifyBackup(backup).ok());
  }
  static std::vector<std::string> Tables(const std::string& backup) {
    std::vector<std::string> paths;
    for (const auto& entry : fs::directory_iterator(backup + "/data/blocks")) {
      if (entry.path().extension() == ".sst") paths.push_back(entry.path());
    }
    return paths;
  }
  static void Flip(const std::string& path, size_t at) {
    fs::rename(path, path + ".old");  // Not what is one with it elsewhere.
    fs::copy_file(path + ".old", path);
    fs::remove(path + ".old");
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const int c = file.get();
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(c ^ 4));
  }
  std::string dir() const { return temp_.path() + "/data"; }
  std::string to() const { return temp_.path() + "/backups"; }

  testing_support::TempDir temp_;
  std::mt19937 random_{3};
  int n_ = 0, backups_ = 0, restores_ = 0;
  SampleModel want_;
  std::unique_ptr<Database> db_;
};

TEST_F(BackupTest, RestoresWhatThereWas) {
  Scrape(300);
  const auto first = BackUp();
  ASSERT_TRUE(first.ok()) << first.status();
  const SampleModel then = want_;
  Scrape(100);
  const auto second = BackUp();
  ASSERT_TRUE(second.ok()) << second.status();
  db_.reset();
  fs::remove_all(dir());
  ExpectRestores(first->path, then);
  ExpectRestores(second->path, want_);
}

TEST_F(BackupTest, SharesTablesWithEarlierOnesAndOutlivesThem) {
  Scrape(300);
  const auto first = BackUp();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->shared_bytes, 0);
  Scrape(10);
  // The source's file systems may differ: then only tables of earlier backups can be shared.
  const auto second = BackUp();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_GT(second->shared_bytes, first->bytes / 2);
  EXPECT_LT(second->shared_bytes, second->bytes);
  int shared = 0;
  for (const std::string& table : Tables(second->path)) {
    const std::string before = first->path + table.substr(second->path.size());
    if (!fs::exists(before)) continue;
    EXPECT_TRUE(fs::equivalent(before, table)) << table;
    ++shared;
  }
  EXPECT_GE(shared, 3);
  fs::remove_all(first->path);
  ExpectRestores(second->path, want_);
}

TEST_F(BackupTest, NameAndSizeAloneMakeNoTwoTablesOne) {
  Scrape(50);
  const auto first = BackUp();
  ASSERT_TRUE(first.ok()) << first.status();
  // Another database whose files have the same names and sizes.
  db_.reset();
  fs::remove_all(dir());
  const int n = std::exchange(n_, 0);
  want_.clear();
  Open(dir());
  Scrape(n);
  const auto second = BackUp();
  ASSERT_TRUE(second.ok()) << second.status();
  bool same_name = false;
  for (const std::string& table : Tables(second->path)) {
    const std::string other = first->path + table.substr(second->path.size());
    if (!fs::exists(other)) continue;
    same_name = true;
    EXPECT_FALSE(fs::equivalent(other, table)) << table;
  }
  EXPECT_TRUE(same_name);
  EXPECT_EQ(second->shared_bytes, 0);
  ExpectRestores(second->path, want_);
}

TEST_F(BackupTest, TablesHaveIdsOfTheirOwn) {
  Scrape(100);
  ASSERT_TRUE(db_->FlushHead().ok());
  std::set<std::string> ids;
  size_t tables = 0;
  for (const auto& entry : fs::directory_iterator(dir() + "/tidemark/blocks")) {
    if (entry.path().extension() != ".sst") continue;
    ++tables;
    ids.insert(TableId(entry.path()));
  }
  EXPECT_GE(tables, 4);
  EXPECT_THAT(ids, SizeIs(tables));
  EXPECT_FALSE(ids.contains(""));
  EXPECT_EQ(TableId(dir() + "/tidemark/FORMAT"), "");
  EXPECT_EQ(TableId(dir() + "/nothing"), "");
}

TEST_F(BackupTest, OfAStoppedDatabaseHasItsLogToo) {
  Scrape(100);
  ASSERT_TRUE(db_->FlushHead().ok());
  Scrape(100);
  const std::string crashed = temp_.path() + "/crashed";
  testing_support::CopyDir(dir(), crashed);
  std::ofstream(crashed + "/tidemark/reserve") << "room";
  const auto report = MakeBackup(crashed, to(), NewCopyName(kStart), kStart);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_FALSE(fs::exists(report->path + "/data/reserve"));
  ExpectRestores(report->path, want_);
}

TEST_F(BackupTest, RefusesWhatIsNoBackupAndWhereDataIs) {
  Scrape(20);
  const auto backup = BackUp();
  ASSERT_TRUE(backup.ok()) << backup.status();
  absl::Status status = Restore(backup->path, dir()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(Text(status), HasSubstr(dir() + ": the data directory has data of Tidemark already"));
  const std::string fresh = temp_.path() + "/fresh";
  status = Restore(to(), fresh).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(Text(status), HasSubstr("the newest is " + backup->path));
  status = Restore(temp_.path() + "/nowhere", fresh).status();
  EXPECT_THAT(Text(status), HasSubstr("there is no such folder"));
  fs::remove(backup->path + "/BACKUP");
  status = Restore(backup->path, fresh).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(Text(status), HasSubstr("not a finished backup"));
  EXPECT_FALSE(fs::exists(fresh + "/tidemark"));
  status = MakeBackup(fresh, to(), NewCopyName(kStart), kStart).status();
  EXPECT_THAT(Text(status), HasSubstr("there is no data of Tidemark in it"));
}

TEST_F(BackupTest, EveryChangeOfABackupIsFoundAndNothingRestored) {
  Scrape(20);
  const auto backup = BackUp();
  ASSERT_TRUE(backup.ok()) << backup.status();
  const std::string fresh = temp_.path() + "/fresh", changed = temp_.path() + "/changed";
  const auto expect_found = [&](const std::string& what) {
    for (const absl::Status& status :
         {VerifyBackup(changed).status(), Restore(changed, fresh).status()}) {
      EXPECT_TRUE(absl::IsDataLoss(status)) << what << ": " << status;
      EXPECT_THAT(Text(status), HasSubstr(changed));
    }
    EXPECT_FALSE(fs::exists(fresh + "/tidemark"));
    EXPECT_FALSE(fs::exists(fresh + "/tidemark.restoring"));
  };
  const auto manifest = BackupManifest::Read(backup->path);
  ASSERT_TRUE(manifest.ok());
  for (const BackupFile& file : manifest->files) {
    testing_support::CopyDir(backup->path, changed);
    const std::string path = changed + "/data/" + file.path;
    if (file.sum.bytes > 0) {
      Flip(path, random_() % file.sum.bytes);
      expect_found("flipped " + file.path);
    }
    std::ofstream(path, std::ios::app) << "x";
    expect_found("longer " + file.path);
    fs::remove(path);
    expect_found("gone " + file.path);
  }
  testing_support::CopyDir(backup->path, changed);
  Flip(changed + "/BACKUP", 100);
  expect_found("manifest");
}

TEST_F(BackupTest, AFailureLeavesNothingAndACrashWhatTheNextOneRemoves) {
  Scrape(50);
  const std::string snapshot = dir() + "/snapshots/one";
  ASSERT_TRUE(db_->Snapshot(snapshot, false).ok());
  int n = 0;
  for (;; ++n) {
    testing_support::FaultyFiles files;
    files.FailAfter(n);
    const auto backup = MakeBackup(snapshot, to(), NewCopyName(kStart), kStart, &files);
    if (backup.ok()) break;
    // Removing failed as well, as it would in a crash.
    const auto unfinished = ListUnfinishedBackups(to());
    if (!unfinished.ok()) continue;  // The destination could not be made.
    for (const std::string& name : *unfinished) {
      ASSERT_TRUE(RemoveUnfinishedBackup(to(), name).ok());
    }
    const auto finished = ListBackups(to());
    ASSERT_TRUE(finished.ok());
    for (const std::string& name : *finished) {  // Only its last step failed.
      ExpectRestores(to() + "/" + name, want_);
      fs::remove_all(to() + "/" + name);
    }
    EXPECT_TRUE(fs::is_empty(to())) << n;
  }
  EXPECT_GT(n, 10);
}

TEST_F(BackupTest, AnInterruptedRestoreIsNoDatabase) {
  Scrape(50);
  const auto backup = BackUp();
  ASSERT_TRUE(backup.ok()) << backup.status();
  const std::string fresh = temp_.path() + "/fresh";
  int interrupted = 0;
  for (int n = 0;; ++n) {
    testing_support::FaultyFiles files;
    files.FailAfter(n);
    const auto report = Restore(backup->path, fresh, &files);
    if (report.ok()) break;
    DatabaseOptions options;
    options.dir = fresh;
    if (fs::exists(fresh + "/tidemark.restoring")) {
      ++interrupted;
      const auto db = Database::Open(options);
      EXPECT_TRUE(absl::IsFailedPrecondition(db.status())) << db.status();
      EXPECT_THAT(Text(db.status()), HasSubstr("a restore into this directory did not finish"));
      EXPECT_FALSE(fs::exists(fresh + "/tidemark"));
    } else if (fs::exists(fresh + "/tidemark")) {  // Only the last sync failed.
      EXPECT_TRUE(Database::Open(options).ok());
      fs::remove_all(fresh + "/tidemark");
    }
  }
  EXPECT_GT(interrupted, 10);
  DatabaseOptions options;
  options.dir = fresh;
  auto db = Database::Open(options);
  ASSERT_TRUE(db.ok()) << db.status();
  auto querier = (*db)->NewQuerier({});
  EXPECT_EQ(Difference(testing_support::ReadAll(**querier, {}), want_), "");
}

TEST_F(BackupTest, BytesAreOnTheDiskBeforeTheirNames) {
  Scrape(50);
  PowerCutFiles files;
  const auto backup = BackUp(&files);
  ASSERT_TRUE(backup.ok()) << backup.status();
  EXPECT_TRUE(VerifyBackup(backup->path).ok());
  const std::string fresh = temp_.path() + "/fresh";
  ASSERT_TRUE(Restore(backup->path, fresh, &files).ok());
  fs::create_directories(temp_.path() + "/again");
  fs::rename(fresh + "/tidemark", temp_.path() + "/again/data");
  fs::copy_file(backup->path + "/BACKUP", temp_.path() + "/again/BACKUP");
  EXPECT_TRUE(VerifyBackup(temp_.path() + "/again").ok());
}

TEST_F(BackupTest, ABackupIsNoDataDirectory) {
  Scrape(5);
  const auto backup = BackUp();
  ASSERT_TRUE(backup.ok()) << backup.status();
  DatabaseOptions options;
  options.dir = backup->path;
  const auto db = Database::Open(options);
  EXPECT_TRUE(absl::IsFailedPrecondition(db.status())) << db.status();
  EXPECT_THAT(Text(db.status()), HasSubstr("this is a backup"));
  EXPECT_TRUE(VerifyBackup(backup->path).ok());
}

TEST_F(BackupTest, RemovesOnlyWhatItMade) {
  fs::create_directories(to() + "/20231114T221320Z-0123456789abcdef.unfinished/data");
  fs::create_directories(to() + "/mine.unfinished");
  fs::create_directories(to() + "/20231114T221320Z-0123456789abcdef");
  EXPECT_THAT(*ListUnfinishedBackups(to()), ElementsAre("20231114T221320Z-0123456789abcdef"));
  ASSERT_TRUE(RemoveUnfinishedBackup(to(), "20231114T221320Z-0123456789abcdef").ok());
  EXPECT_TRUE(fs::exists(to() + "/mine.unfinished"));
  EXPECT_TRUE(fs::exists(to() + "/20231114T221320Z-0123456789abcdef"));
  EXPECT_THAT(*ListBackups(to()), IsEmpty());
}

}  // namespace
}  // namespace storage
