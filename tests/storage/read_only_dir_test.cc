#include "storage/read_only_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "storage/base/status.h"
#include "storage/database.h"
#include "tests/testing/copy_dir.h"
#include "tests/testing/mixed_model.h"
#include "tests/testing/sample_model.h"
#include "tests/testing/temp_dir.h"

namespace storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing_support::CopyDir;

constexpr model::TimeMs kStart = 1'700'000'000'000;

// A directory as a crash leaves it: a block, a checkpoint, and a segment of the log.
class ReadOnlyDirTest : public ::testing::Test {
 protected:
  void SetUp() override {
    DatabaseOptions options;
    options.dir = temp_.path() + "/live";
    options.wal.compress = false;
    auto database = Database::Open(options);
    ASSERT_TRUE(database.ok()) << database.status();
    live_ = *std::move(database);
    Append(0);
    ASSERT_TRUE(live_->FlushHead().ok());
    Append(1);
    Crash();
  }
  void Append(int round) {
    for (int i = 0; i < 20; ++i) {
      auto appender = live_->NewAppender();
      for (int k = 0; k < 30; ++k) {
        appender->Append(SeriesRef::kNone, testing_support::TestLabels(k),
                         {kStart + round * 1'000'000 + i * 15'000, static_cast<double>(i * k)});
      }
      ASSERT_TRUE(appender->Commit().ok());
    }
  }
  std::string dir() const { return temp_.path() + "/copy"; }
  std::string wal() const { return dir() + "/tidemark/wal"; }
  void Crash() { CopyDir(temp_.path() + "/live", dir()); }
  std::unique_ptr<ReadOnlyDir> Open() {
    auto data = ReadOnlyDir::Open(dir(), 1 << 20);
    EXPECT_TRUE(data.ok()) << data.status();
    return *std::move(data);
  }
  std::vector<std::string> LogDamage() {
    std::vector<std::string> whats;
    const auto check = Open()->CheckLog([&](Damage d) { whats.push_back(std::move(d.what)); });
    EXPECT_TRUE(check.ok()) << check.status();
    check_ = *check;
    return whats;
  }
  // Of those that a start of the server lists.
  std::string FirstDamageOfStart() {
    DatabaseOptions options;
    options.dir = dir();
    const auto database = Database::Open(options);
    EXPECT_TRUE(database.ok()) << database.status();
    if (!database.ok()) return {};
    const auto listed = (*database)->blocks()->damage()->list();
    return listed.empty() ? "nothing" : listed[0].what;
  }
  static void Flip(const std::string& path, int64_t place) {
    std::fstream stream(path, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(place);
    const int byte = stream.get();
    stream.seekp(place);
    stream.put(static_cast<char>(byte ^ 4));
  }

  testing_support::TempDir temp_;
  std::unique_ptr<Database> live_;
  LogCheck check_;
};

TEST_F(ReadOnlyDirTest, AGoodDirectoryIsReadWholeAndLeftAsItIs) {
  const auto list = [&] {
    std::map<std::string, std::pair<uintmax_t, std::filesystem::file_time_type>> files;
    for (const auto& file : std::filesystem::recursive_directory_iterator(dir())) {
      files[file.path()] = {file.is_regular_file() ? file.file_size() : 0, file.last_write_time()};
    }
    return files;
  };
  const auto before = list();
  EXPECT_THAT(LogDamage(), IsEmpty());
  EXPECT_EQ(check_.segments, 1u);
  EXPECT_EQ(check_.checkpoints, 1u);
  EXPECT_GE(check_.records, 21u);
  const auto data = Open();
  EXPECT_FALSE(data->in_use());
  EXPECT_THAT(data->blocks()->Metas(), SizeIs(1));
  EXPECT_THAT(data->blocks()->damage()->list(), IsEmpty());
  EXPECT_EQ(list(), before);
}

TEST_F(ReadOnlyDirTest, ADirectoryInUseIsReadAsWell) {
  auto data = ReadOnlyDir::Open(temp_.path() + "/live", 1 << 20);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_TRUE((*data)->in_use());
  EXPECT_THAT((*data)->blocks()->Metas(), SizeIs(1));
  Append(2);
  ASSERT_TRUE(live_->FlushHead().ok());  // The owner goes on.
  live_.reset();
  data = ReadOnlyDir::Open(temp_.path() + "/live", 1 << 20);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_FALSE((*data)->in_use());
  EXPECT_FALSE(std::filesystem::exists(temp_.path() + "/live/lock"));
}

TEST_F(ReadOnlyDirTest, QueriersSeeTheLogWhenItWasRead) {
  const auto expected = testing_support::ReadAllMixed(**live_->NewQuerier({}));
  const auto data = Open();
  const auto blocks = testing_support::ReadAllMixed(**data->NewQuerier({}));
  const auto stats = data->ReadLog();
  ASSERT_TRUE(stats.ok()) << stats.status();
  EXPECT_EQ(stats->damaged, 0u);
  EXPECT_EQ(testing_support::ReadAllMixed(**data->NewQuerier({})), expected);
  ASSERT_EQ(blocks.size(), expected.size());
  EXPECT_EQ(blocks.begin()->second.size(), 20u);
  EXPECT_EQ(expected.begin()->second.size(), 40u);
}

TEST_F(ReadOnlyDirTest, WhatIsDamagedInTheLogIsToldAndListedByTheNextStart) {
  const std::string segment = wal() + "/00000001";
  ASSERT_TRUE(std::filesystem::exists(segment));
  Flip(segment, 400);
  const std::vector<std::string> whats = LogDamage();
  ASSERT_THAT(whats, SizeIs(1));
  EXPECT_THAT(whats[0], HasSubstr("log, segment 1 at "));
  EXPECT_THAT(whats[0], HasSubstr("bad checksum"));
  DatabaseOptions options;
  options.dir = dir();
  const auto database = Database::Open(options);
  ASSERT_TRUE(database.ok()) << database.status();
  const auto listed = (*database)->blocks()->damage()->list();
  ASSERT_THAT(listed, SizeIs(1));
  EXPECT_THAT(listed[0].what, HasSubstr("log, segment 1 at "));
  EXPECT_EQ(listed[0].found_by, FoundBy::kStart);
  EXPECT_EQ(listed[0].block, "");
  EXPECT_GT(listed[0].found_at_ms, kStart);
}

TEST_F(ReadOnlyDirTest, ACheckpointMayBeDamagedOrMissing) {
  const std::string checkpoint = wal() + "/checkpoint.00000001";
  ASSERT_TRUE(std::filesystem::exists(checkpoint));
  Flip(checkpoint + "/00000000", 60);
  ASSERT_THAT(LogDamage(), SizeIs(1));
  EXPECT_THAT(LogDamage()[0], HasSubstr("log, checkpoint 1 at "));
  std::filesystem::remove_all(checkpoint);
  EXPECT_THAT(LogDamage(), ElementsAre("log, checkpoint 1 is missing"));
  EXPECT_EQ(FirstDamageOfStart(), "log, checkpoint 1 is missing");
}

TEST_F(ReadOnlyDirTest, TheFirstSegmentMayBeMissing) {
  const std::string first = wal() + "/00000001";
  std::filesystem::rename(first, wal() + "/00000002");  // As its number is in it, it tells nothing.
  EXPECT_THAT(LogDamage(), ::testing::Contains(HasSubstr("log, segment 1 at 0: segment missing")));
  EXPECT_EQ(FirstDamageOfStart(), "log, segment 1 at 0: segment missing");
}

TEST_F(ReadOnlyDirTest, WhatTheNextStartWouldMendIsTold) {
  const auto whats = [&] {
    std::vector<std::string> list;
    for (const Damage& damage : Open()->blocks()->damage()->list()) list.push_back(damage.what);
    return list;
  };
  std::string manifest;
  for (const auto& entry : std::filesystem::directory_iterator(dir() + "/tidemark/blocks")) {
    if (entry.path().filename().string().starts_with("MANIFEST")) manifest = entry.path();
  }
  std::filesystem::resize_file(manifest, 200);
  EXPECT_THAT(whats(), ElementsAre(HasSubstr("the MANIFEST lacks it")));
  Crash();
  Flip(dir() + "/tidemark/blocks/LIVE", 20);
  EXPECT_THAT(whats(), ElementsAre("the second list of blocks is damaged"));
  Crash();
  Flip(dir() + "/tidemark/FORMAT", 2);
  EXPECT_THAT(whats(), ElementsAre("FORMAT is damaged"));
}

TEST_F(ReadOnlyDirTest, WhatIsNoDataDirectoryIsSaidToBeNone) {
  const auto none = ReadOnlyDir::Open(temp_.path() + "/none", 1 << 20);
  EXPECT_TRUE(absl::IsNotFound(none.status())) << none.status();
  EXPECT_FALSE(std::filesystem::exists(temp_.path() + "/none"));
  std::ofstream(dir() + "/tidemark/FORMAT") << "tidemark data format 99\n";
  const auto newer = ReadOnlyDir::Open(dir(), 1 << 20);
  EXPECT_TRUE(absl::IsFailedPrecondition(newer.status()));
  EXPECT_THAT(base::message(newer.status()), HasSubstr("newer"));
}

}  // namespace
}  // namespace storage
