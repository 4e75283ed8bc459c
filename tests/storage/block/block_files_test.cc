#include "storage/block/block_files.h"

#include <gtest/gtest.h>
#include <rocksdb/env.h>

#include <filesystem>
#include <fstream>

#include "tests/testing/temp_dir.h"

namespace storage::block {
namespace {

// RocksDB removes the tables of a publish that failed although its MANIFEST may name them
// (7.8.3, ExternalSstFileIngestionJob::Cleanup). Found by tests/torture with injected EIO.
TEST(BlockFiles, TablesOutliveAPublishThatFailed) {
  testing_support::TempDir dir;
  const std::string table = dir.path() + "/000012.sst", source = dir.path() + "/7";
  std::ofstream(table) << "t";
  std::ofstream(source) << "s";
  {
    const KeepTables keep;
    EXPECT_TRUE(BlockFiles()->DeleteFile(table).ok());
    EXPECT_TRUE(BlockFiles()->DeleteFile(source).ok());
  }
  EXPECT_TRUE(std::filesystem::exists(table));
  EXPECT_FALSE(std::filesystem::exists(source));
  EXPECT_TRUE(BlockFiles()->DeleteFile(table).ok());
  EXPECT_FALSE(std::filesystem::exists(table));
}

}  // namespace
}  // namespace storage::block
