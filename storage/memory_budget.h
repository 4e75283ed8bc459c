// One figure of memory, how it is split, and what is given up as it runs out. Plain rules; whoever
// watches (server/resource_watch) applies them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace storage {

// Shares of the limit. What is left is for buffers, stacks and what the allocator holds back.
struct MemorySplit {
  int64_t limit_bytes = 0;  // 0: none; the shares are 0 as well, but the caches have their default.
  int64_t head_bytes = 0;   // Series, index and chunks of the head: half.
  int64_t cache_bytes = 0;  // Of blocks: a tenth, 4 MiB to 1 GiB.
  int64_t query_bytes = 0;  // All queries together: a quarter.
  int64_t result_bytes = 0;  // Answers that are kept: a twentieth, 2 MiB to 1 GiB.
};
MemorySplit SplitMemory(int64_t limit_bytes);

// In the order in which things are given up; each stage includes those before.
enum class Shed : uint8_t {
  kNothing,
  kCaches,     // The caches of blocks and of answers shrink to a quarter.
  kFlush,      // The head is flushed ahead of time.
  kQueries,    // New queries are refused.
  kNewSeries,  // New series are refused; known ones keep flowing.
};
std::string_view ToString(Shed stage);

struct MemoryUse {
  int64_t resident_bytes = 0;  // Of the process, without what files share.
  int64_t head_bytes = 0, cache_bytes = 0;
};

// The stage that `use` asks for: at 75, 80, 88 and 93 % of the limit. A stage is left 4 points below
// where it began.
Shed NextStage(Shed now, const MemoryUse& use, const MemorySplit& split);
// What requests that read may still take: up to 84 % of the limit, so that theirs alone closes no
// gate. Negative when they have to give something back.
int64_t QueryRoom(int64_t resident_bytes, const MemorySplit& split);
// The head alone: at 80 % of its share it is flushed early, at 100 % it takes no new series; queries
// need not suffer for it. `full` is whether it was full before; it is so until 4 points below.
bool HeadIsLarge(const MemoryUse& use, const MemorySplit& split);
bool HeadIsFull(bool full, const MemoryUse& use, const MemorySplit& split);

// How long to hold back the answer to a push when the head holds the samples of `lag` flushes while
// one is under way: nothing up to 1.5, then 100 ms for each more, half a second at most.
int64_t HoldBackMs(double lag);

// What the kernel allows this process: the least of memory.max (cgroup v2) or
// memory.limit_in_bytes (v1) from its group upwards. Nothing without a limit. `root` stands for
// "/" in tests.
std::optional<int64_t> CgroupMemoryLimit(const std::string& root = "");
int64_t PhysicalMemory();
// The cgroup's limit, less a twentieth for the kernel's part; else three quarters of the RAM.
int64_t DefaultMemoryLimit();

int64_t ResidentBytes();  // Of this process, from /proc/self/statm, without shared pages.
// Gives freed memory back to the kernel; takes milliseconds.
void ReleaseFreeMemory();

}  // namespace storage
