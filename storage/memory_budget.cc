#include "storage/memory_budget.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>

// Where the program is linked with jemalloc.
extern "C" int mallctl(const char* name, void* old_value, size_t* old_size, void* new_value,
                       size_t new_size) __attribute__((weak));

namespace storage {
namespace {

constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kDefaultCache = 32 * kMiB;
// v1 says "no limit" by a number near 2^63.
constexpr int64_t kUnlimited = int64_t{1} << 60;

constexpr std::array<int, 5> kPercent = {0, 75, 80, 88, 93};  // Where stages begin.
constexpr int kHysteresis = 4;
constexpr int kQueryPercent = 84;  // Where a closed gate for queries opens again.

bool Reaches(int64_t bytes, int64_t of, int percent) {
  return of > 0 && static_cast<double>(bytes) >= static_cast<double>(of) / 100 * percent;
}

std::optional<int64_t> ReadLimit(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  if (!(file >> text)) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value <= 0 || value >= kUnlimited) return std::nullopt;  // "max"
  return value;
}

// The least limit of `group` and the groups above it, as far as they are mounted at `mount`. In a
// container the group is often seen as "/" of the mount itself.
std::optional<int64_t> LeastLimit(const std::string& mount, std::string group,
                                  const std::string& file) {
  std::optional<int64_t> least;
  for (;;) {
    const std::optional<int64_t> limit = ReadLimit(mount + group + "/" + file);
    if (limit && (!least || *limit < *least)) least = limit;
    if (group.empty()) return least;
    const size_t slash = group.rfind('/');
    group.resize(slash == std::string::npos ? 0 : slash);
  }
}

}  // namespace

MemorySplit SplitMemory(int64_t limit_bytes) {
  MemorySplit split;
  split.cache_bytes = split.result_bytes = kDefaultCache;
  if (limit_bytes <= 0) return split;
  split.limit_bytes = limit_bytes;
  split.head_bytes = limit_bytes / 2;
  split.query_bytes = limit_bytes / 4;
  split.cache_bytes = std::clamp(limit_bytes / 10, 4 * kMiB, 1024 * kMiB);
  split.result_bytes = std::clamp(limit_bytes / 20, 2 * kMiB, 1024 * kMiB);
  return split;
}

std::string_view ToString(Shed stage) {
  switch (stage) {
    case Shed::kNothing: return "nothing";
    case Shed::kCaches: return "caches";
    case Shed::kFlush: return "early flushes";
    case Shed::kQueries: return "new queries";
    case Shed::kNewSeries: return "new series";
  }
  return "";
}

Shed NextStage(Shed now, const MemoryUse& use, const MemorySplit& split) {
  for (size_t stage = kPercent.size() - 1; stage > 0; --stage) {
    const int less = static_cast<size_t>(now) >= stage ? kHysteresis : 0;
    if (Reaches(use.resident_bytes, split.limit_bytes, kPercent[stage] - less)) {
      return static_cast<Shed>(stage);
    }
  }
  return Shed::kNothing;
}

int64_t QueryRoom(int64_t resident_bytes, const MemorySplit& split) {
  return split.limit_bytes / 100 * kQueryPercent - resident_bytes;
}

bool HeadIsLarge(const MemoryUse& use, const MemorySplit& split) {
  return Reaches(use.head_bytes, split.head_bytes, 80);
}

bool HeadIsFull(bool full, const MemoryUse& use, const MemorySplit& split) {
  return Reaches(use.head_bytes, split.head_bytes, full ? 100 - kHysteresis : 100);
}

int64_t HoldBackMs(double lag) {
  return static_cast<int64_t>(std::clamp((lag - 1.5) * 100, 0.0, 500.0));
}

std::optional<int64_t> CgroupMemoryLimit(const std::string& root) {
  std::ifstream groups(root + "/proc/self/cgroup");
  std::optional<int64_t> least;
  std::string line;
  // Lines: hierarchy:controllers:path; v2 is "0::path".
  while (std::getline(groups, line)) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string group = line.substr(second + 1);
    if (group == "/") group.clear();
    std::optional<int64_t> limit;
    if (controllers.empty()) {
      limit = LeastLimit(root + "/sys/fs/cgroup", group, "memory.max");
    } else if ((',' + controllers + ',').find(",memory,") != std::string::npos) {
      limit = LeastLimit(root + "/sys/fs/cgroup/memory", group, "memory.limit_in_bytes");
    }
    if (limit && (!least || *limit < *least)) least = limit;
  }
  return least;
}

int64_t PhysicalMemory() {
  return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
}

int64_t DefaultMemoryLimit() {
  const std::optional<int64_t> cgroup = CgroupMemoryLimit();
  const int64_t physical = PhysicalMemory();
  if (cgroup && *cgroup < physical) return *cgroup - *cgroup / 20;
  return physical / 4 * 3;
}

int64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t total = 0, resident = 0, shared = 0;
  if (!(statm >> total >> resident >> shared)) return 0;
  return (resident - shared) * sysconf(_SC_PAGESIZE);
}

void ReleaseFreeMemory() {
  if (mallctl != nullptr) {
    mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);  // All arenas.
  } else {
    malloc_trim(0);
  }
}

}  // namespace storage
