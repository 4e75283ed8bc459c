// What was found damaged on the disk, by whoever came upon it: place by place, for people to read.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "storage/base/clock.h"
#include "storage/change_log.h"
#include "storage/model/sample.h"

namespace storage {

enum class FoundBy { kStart, kQuery, kMerge, kScrub, kVerify };
std::string_view ToString(FoundBy found_by);  // "start", "query", ...

struct Damage {
  std::string block;       // ULID; empty: of the log, or of what concerns all blocks.
  std::string series;      // Labels as text; empty when nobody knows them.
  model::TimeRange range;  // Of the samples concerned; at most that of the block.
  std::string what;
  int64_t found_at_ms = 0;
  FoundBy found_by = FoundBy::kVerify;
};

// Each place once, as it was first found, with one line of the log. Thread-safe.
class DamageList {
 public:
  static constexpr size_t kMax = 1000;  // Places that are kept; those of lost blocks make room first.

  explicit DamageList(const base::Clock* clock = base::SystemClock::Get()) : clock_(clock) {}

  // What could be read cannot be read any more: caches of answers must know. Before the first Add.
  void set_changes(std::shared_ptr<ChangeLog> changes) { changes_ = std::move(changes); }

  // Sets found_at_ms. False when the place is known already, or the list is full.
  bool Add(Damage damage);
  // It was dropped or merged into another: what is listed of it is history.
  void BlockGone(std::string_view ulid);

  std::vector<Damage> list() const;  // In the order they were found.
  uint64_t found() const;            // Places in all, also those no longer listed.
  uint64_t not_listed() const;       // Times that a new place found the list full.

 private:
  struct Entry {
    Damage damage;
    bool block_gone = false;
  };
  static std::string PlaceOf(const Damage& damage);
  bool MakeRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const base::Clock* const clock_;
  std::shared_ptr<ChangeLog> changes_;  // Selections may come upon damage when the store is gone.
  mutable absl::Mutex mu_;
  std::map<uint64_t, Entry> entries_ ABSL_GUARDED_BY(mu_);        // By number.
  std::map<std::string, uint64_t> places_ ABSL_GUARDED_BY(mu_);  // Numbers of those.
  uint64_t found_ ABSL_GUARDED_BY(mu_) = 0, not_listed_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace storage
