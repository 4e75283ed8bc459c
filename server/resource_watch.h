// Watches memory and disk, and makes the store live within them: what storage/memory_budget and
// storage/disk_space decide is done here. One thread; looks five times a second at memory and
// once a second at the disk.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <thread>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "api/providers.h"
#include "compaction/scheduler.h"
#include "promql/cache/result_cache.h"
#include "storage/base/memory_meter.h"
#include "storage/database.h"
#include "storage/disk_space.h"
#include "storage/memory_budget.h"

namespace server {

struct ResourceWatchOptions {
  storage::MemorySplit memory;
  base::MemoryPool* queries = nullptr;  // Looks for its room as often. May be null.
  int64_t min_free_bytes = 0;  // 0: DefaultMinFreeBytes of the disk.
  promql::ResultCache* results = nullptr;  // Outlives the watch. May be null.
  int64_t result_bytes = 0;                // What it may take when memory is not short.
};

class ResourceWatch {  // Thread-safe.
 public:
  // Both outlive it.
  ResourceWatch(storage::Database* database, compaction::Scheduler* scheduler,
                ResourceWatchOptions options);
  ~ResourceWatch();  // Stops.

  void Start();
  void Stop();
  // One look each. For tests, and not while the thread runs.
  void LookAtMemory();
  void LookAtDisk();
  api::ResourceState state() const;

 private:
  void Loop();
  void Apply(storage::Shed before, storage::Shed now, const storage::MemoryUse& use);
  void NoteGrowth();

  storage::Database* const database_;
  compaction::Scheduler* const scheduler_;
  const ResourceWatchOptions options_;
  storage::DiskReserve reserve_;

  // Of the thread that looks.
  int64_t next_flush_ms_ = 0, next_release_ms_ = 0, next_note_ms_ = 0;  // Steady.
  uint64_t flushes_seen_ = 0;
  bool head_full_ = false;
  struct Note {
    int64_t at_ms = 0, used_bytes = 0;
  };
  std::deque<Note> notes_;  // One a minute, for six hours.

  mutable absl::Mutex mu_;
  absl::CondVar wake_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  api::ResourceState state_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace server
