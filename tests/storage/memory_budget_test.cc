#include "storage/memory_budget.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "storage/disk_space.h"

namespace storage {
namespace {

constexpr int64_t kMiB = 1 << 20;

class Root {
 public:
  Root() {
    std::string name = std::filesystem::temp_directory_path() / "budget-XXXXXX";
    dir = mkdtemp(name.data());
  }
  ~Root() { std::filesystem::remove_all(dir); }
  void Write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(dir + path).parent_path());
    std::ofstream(dir + path) << text;
  }
  std::string dir;
};

TEST(MemoryBudgetTest, CgroupV2TakesTheLeastOnTheWayUp) {
  const Root root;
  root.Write("/proc/self/cgroup", "0::/a/b\n");
  root.Write("/sys/fs/cgroup/a/b/memory.max", "max\n");
  EXPECT_EQ(CgroupMemoryLimit(root.dir), std::nullopt);
  root.Write("/sys/fs/cgroup/a/memory.max", "536870912\n");
  EXPECT_EQ(CgroupMemoryLimit(root.dir), 512 * kMiB);
  root.Write("/sys/fs/cgroup/a/b/memory.max", "1073741824\n");
  EXPECT_EQ(CgroupMemoryLimit(root.dir), 512 * kMiB);
  root.Write("/sys/fs/cgroup/memory.max", "104857600\n");  // As in a container.
  EXPECT_EQ(CgroupMemoryLimit(root.dir), 100 * kMiB);
}

TEST(MemoryBudgetTest, CgroupV1NestedAndUnlimited) {
  const Root root;
  root.Write("/proc/self/cgroup", "9:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n");
  root.Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(CgroupMemoryLimit(root.dir), std::nullopt);
  root.Write("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "268435456\n");
  EXPECT_EQ(CgroupMemoryLimit(root.dir), 256 * kMiB);
  EXPECT_EQ(CgroupMemoryLimit(root.dir + "/none"), std::nullopt);
}

TEST(MemoryBudgetTest, SharesFitIntoTheLimit) {
  for (const int64_t limit : {64 * kMiB, 512 * kMiB, 64 * 1024 * kMiB}) {
    const MemorySplit split = SplitMemory(limit);
    EXPECT_LT(split.head_bytes + split.cache_bytes + split.query_bytes, limit);
    EXPECT_GT(split.head_bytes, 0);
  }
  EXPECT_EQ(SplitMemory(0).limit_bytes, 0);
  EXPECT_GT(SplitMemory(0).cache_bytes, 0);
}

TEST(MemoryBudgetTest, ShedsInOrderAndComesBackWithSlack) {
  const MemorySplit split = SplitMemory(1000 * kMiB);
  const auto next = [&](Shed now, int64_t resident, int64_t head = 0) {
    return NextStage(now, {.resident_bytes = resident * kMiB, .head_bytes = head * kMiB}, split);
  };
  EXPECT_EQ(next(Shed::kNothing, 740), Shed::kNothing);
  EXPECT_EQ(next(Shed::kNothing, 750), Shed::kCaches);
  EXPECT_EQ(next(Shed::kCaches, 720), Shed::kCaches);
  EXPECT_EQ(next(Shed::kCaches, 700), Shed::kNothing);
  EXPECT_EQ(next(Shed::kCaches, 801), Shed::kFlush);
  EXPECT_EQ(next(Shed::kFlush, 881), Shed::kQueries);
  EXPECT_EQ(next(Shed::kQueries, 931), Shed::kNewSeries);
  EXPECT_EQ(next(Shed::kNewSeries, 900), Shed::kNewSeries);
  EXPECT_EQ(next(Shed::kNewSeries, 885), Shed::kQueries);
  EXPECT_EQ(next(Shed::kNewSeries, 100), Shed::kNothing);
  EXPECT_EQ(next(Shed::kNothing, 100, 501), Shed::kNothing);
  EXPECT_EQ(NextStage(Shed::kNewSeries, {.resident_bytes = 1 << 30}, SplitMemory(0)),
            Shed::kNothing);
}

TEST(MemoryBudgetTest, TheHeadHasAShareOfItsOwn) {
  const MemorySplit split = SplitMemory(1000 * kMiB);  // Of which 500 are the head's.
  const auto use = [](int64_t head) { return MemoryUse{.head_bytes = head * kMiB}; };
  EXPECT_FALSE(HeadIsLarge(use(399), split));
  EXPECT_TRUE(HeadIsLarge(use(401), split));
  EXPECT_FALSE(HeadIsFull(false, use(499), split));
  EXPECT_TRUE(HeadIsFull(false, use(501), split));
  EXPECT_TRUE(HeadIsFull(true, use(485), split));
  EXPECT_FALSE(HeadIsFull(true, use(479), split));
  EXPECT_FALSE(HeadIsFull(true, use(479), SplitMemory(0)));
}

TEST(MemoryBudgetTest, PushesAreHeldBackTheMoreTheFlushLags) {
  EXPECT_EQ(HoldBackMs(0), 0);
  EXPECT_EQ(HoldBackMs(1.5), 0);
  EXPECT_EQ(HoldBackMs(2.5), 100);
  EXPECT_EQ(HoldBackMs(100), 500);
}

TEST(MemoryBudgetTest, ThisProcessHasMemory) {
  EXPECT_GT(ResidentBytes(), 0);
  EXPECT_LT(ResidentBytes(), PhysicalMemory());
  EXPECT_GT(DefaultMemoryLimit(), 0);
  EXPECT_LE(DefaultMemoryLimit(), PhysicalMemory());
}

TEST(DiskSpaceTest, StatesHaveSlackAndTheReserveComesAndGoes) {
  EXPECT_EQ(NextState(DiskState::kRoomy, 99, 100), DiskState::kLow);
  EXPECT_EQ(NextState(DiskState::kLow, 105, 100), DiskState::kLow);
  EXPECT_EQ(NextState(DiskState::kRoomy, 105, 100), DiskState::kRoomy);
  EXPECT_EQ(NextState(DiskState::kLow, 113, 100), DiskState::kRoomy);

  const Root root;
  const absl::StatusOr<DiskSpace> space = AskDiskSpace(root.dir);
  ASSERT_TRUE(space.ok());
  EXPECT_GT(space->total_bytes, space->free_bytes / 2);
  EXPECT_FALSE(AskDiskSpace(root.dir + "/none").ok());

  DiskReserve reserve(root.dir);
  EXPECT_FALSE(reserve.Keep(8 * kMiB, 16 * kMiB));  // No plenty.
  EXPECT_TRUE(reserve.Keep(100 * kMiB, 16 * kMiB));
  EXPECT_EQ(std::filesystem::file_size(root.dir + "/reserve"), 8u << 20);
  EXPECT_FALSE(reserve.Keep(100 * kMiB, 16 * kMiB));
  EXPECT_FALSE(reserve.Keep(8 * kMiB, 16 * kMiB));
  EXPECT_TRUE(reserve.exists());
  EXPECT_TRUE(reserve.Keep(1 * kMiB, 16 * kMiB));
  EXPECT_FALSE(reserve.exists());
}

}  // namespace
}  // namespace storage
