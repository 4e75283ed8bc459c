// Answers to range queries, kept to be used again: README.md. What it gives out was right at its
// version; who asks finds out what changed since (CachedQuery).
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "promql/cache/cache_outcome.h"
#include "promql/cache/reach.h"
#include "promql/cache/step_columns.h"
#include "storage/base/hash.h"
#include "storage/change_log.h"

namespace promql {

struct ResultCacheStats {
  int64_t limit_bytes = 0, bytes = 0, entries = 0;        // Now.
  uint64_t hits = 0, partial_hits = 0, misses = 0, uncacheable = 0;  // Of queries that asked.
  uint64_t steps_kept = 0, steps_evaluated = 0;           // Of hits and partial hits.
  uint64_t evictions = 0;
};

class ResultCache {  // Thread-safe.
 public:
  // One answer. Immutable but for being replaced.
  struct Entry {
    std::shared_ptr<const StepColumns> columns;
    Reach reach;                     // Of its steps.
    storage::ChangeLog::Version version = 0;
    std::vector<std::string> infos;  // That came with it, each at some of the steps.
    int wanted = 0;                  // Steps that queries ask for, lately.
  };

  explicit ResultCache(int64_t limit_bytes) : limit_bytes_(limit_bytes) {}
  ResultCache(const ResultCache&) = delete;
  ResultCache& operator=(const ResultCache&) = delete;

  std::optional<Entry> Find(std::string_view key);  // Counts as a use.
  // Replaces what was there. What takes more than a quarter of the limit is not kept; what was used
  // longest ago goes. `seldom`: kept only when asked for before, lately.
  void Put(std::string_view key, Entry entry, bool seldom);
  void Remove(std::string_view key);
  void Count(CacheOutcome outcome, int steps_kept, int steps_evaluated);

  // What is too much leaves at once.
  void SetLimit(int64_t limit_bytes);
  ResultCacheStats stats() const;
  bool Fits(int64_t bytes) const;  // What Put would keep.
  // All entries with their keys, those used last first.
  std::vector<std::pair<std::string, Entry>> List() const;

 private:
  struct Item {
    std::string key;
    Entry entry;
    int64_t bytes;
  };
  using Items = std::list<Item>;

  void Erase(Items::iterator item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Shrink() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable absl::Mutex mu_;
  Items items_ ABSL_GUARDED_BY(mu_);  // Used last first.
  // The keys are the items' own.
  absl::flat_hash_map<std::string_view, Items::iterator, base::StringHash, base::StringEq> index_
      ABSL_GUARDED_BY(mu_);
  int64_t limit_bytes_ ABSL_GUARDED_BY(mu_);
  int64_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
  ResultCacheStats counted_ ABSL_GUARDED_BY(mu_);
  static constexpr size_t kAskedOnce = 4096;
  std::vector<uint64_t> asked_ ABSL_GUARDED_BY(mu_) = std::vector<uint64_t>(kAskedOnce);
};

}  // namespace promql
