#include "wal/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/testing/temp_dir.h"
#include "wal/reader.h"

namespace wal {
namespace {

class CheckpointTest : public ::testing::Test {
 protected:
  void Write(uint32_t segment, std::string_view record, bool finish = true) {
    auto writer = CheckpointWriter::Create(temp_.path(), segment);
    ASSERT_TRUE(writer.ok()) << writer.status();
    const std::string_view batch[] = {record};
    ASSERT_TRUE((*writer)->Append(batch).ok());
    if (finish) { ASSERT_TRUE((*writer)->Finish().ok()); }
  }
  std::string Read(const Checkpoint& checkpoint) {
    auto reader = Reader::Open(checkpoint.dir, 0);
    std::string_view record;
    return *(*reader)->Next(&record) ? std::string(record) : "";
  }
  testing_support::TempDir temp_;
};

TEST_F(CheckpointTest, ThereIsNoneAtFirst) {
  EXPECT_FALSE(LastCheckpoint(temp_.path())->has_value());
  EXPECT_FALSE(LastCheckpoint(temp_.path() + "/absent")->has_value());
}

TEST_F(CheckpointTest, TheLastFinishedOneIsFound) {
  Write(3, "three");
  Write(12, "twelve");
  Write(13, "thirteen", /*finish=*/false);
  const auto last = *LastCheckpoint(temp_.path());
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->segment, 12u);
  EXPECT_EQ(Read(*last), "twelve");
  EXPECT_EQ(Read(**FindCheckpoint(temp_.path(), 3)), "three");
  EXPECT_FALSE(FindCheckpoint(temp_.path(), 13)->has_value());
}

TEST_F(CheckpointTest, ASecondOfOneNumberReplacesTheFirst) {
  Write(3, "old");
  Write(3, "new");
  EXPECT_EQ(Read(**LastCheckpoint(temp_.path())), "new");
}

TEST_F(CheckpointTest, TheOthersAndTheUnfinishedAreRemoved) {
  Write(3, "three");
  Write(5, "five");
  std::filesystem::create_directories(temp_.path() + "/checkpoint.00000009.tmp");
  ASSERT_TRUE(RemoveCheckpointsExcept(temp_.path(), 5).ok());
  int entries = 0;
  for ([[maybe_unused]] const auto& e : std::filesystem::directory_iterator(temp_.path())) ++entries;
  EXPECT_EQ(entries, 1);
  EXPECT_EQ((*LastCheckpoint(temp_.path()))->segment, 5u);
}

}  // namespace
}  // namespace wal
