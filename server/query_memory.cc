#include "server/query_memory.h"

#include <atomic>
#include <chrono>

namespace server {
namespace {

constexpr int64_t kPlenty = 8 << 20;
constexpr int64_t kBetweenReleasesMs = 100;

int64_t SteadyMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// What was freed but is held back by the allocator is no reason to refuse anybody.
int64_t Room(const storage::MemorySplit& split) {
  static std::atomic<int64_t> next_release_ms{0};
  const int64_t room = storage::QueryRoom(storage::ResidentBytes(), split);
  if (room >= kPlenty) return room;
  const int64_t now_ms = SteadyMs();
  int64_t next_ms = next_release_ms.load(std::memory_order_relaxed);
  if (now_ms < next_ms ||
      !next_release_ms.compare_exchange_strong(next_ms, now_ms + kBetweenReleasesMs)) {
    return room;
  }
  storage::ReleaseFreeMemory();
  return storage::QueryRoom(storage::ResidentBytes(), split);
}

}  // namespace

base::MemoryLimits QueryMemory(const storage::MemorySplit& split, int64_t max_bytes) {
  base::MemoryLimits limits;
  limits.total_bytes = split.query_bytes;
  limits.request_bytes = max_bytes > 0 ? max_bytes : split.query_bytes / 2;
  if (split.limit_bytes > 0) limits.room = [split] { return Room(split); };
  return limits;
}

}  // namespace server
