// Which spans of time had their samples changed lately: what caches of answers are judged by. A
// version stands for a moment:
//
//   const ChangeLog::Version version = changes->Now();      // First,
//   auto querier = queryable->NewQuerier(range);            // then what is read.
//   ... later: changes->Since(version) tells all that the querier may not have seen.
//
// What was read of other times is still so. Who changes something says so twice, before it may be
// seen and after it can be (Change): so neither an answer being made nor one about to be used
// misses it. It never forgets; of long ago it knows less exactly, and says more rather than less.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "storage/model/sample.h"

namespace storage {

class ChangeLog {  // Thread-safe.
 public:
  using Version = uint64_t;
  static constexpr size_t kMaxEntries = 2048;
  // Spans this close are told as one.
  static constexpr int64_t kCloseMs = 60'000;

  static constexpr std::chrono::nanoseconds kFoldFor = std::chrono::milliseconds(200);

  // Changes within `fold_for` of each other may be told as one: only so many entries are made.
  explicit ChangeLog(std::chrono::nanoseconds fold_for = kFoldFor) : fold_for_(fold_for) {}
  ChangeLog(const ChangeLog&) = delete;
  ChangeLog& operator=(const ChangeLog&) = delete;

  Version Now();
  // Spans in which something changed since, ascending and apart; ends belong to them.
  std::vector<model::TimeRange> Since(Version version) const;
  size_t entries() const;

  // One change: told when this is made, and again when it goes.
  class Change {
   public:
    // `log` may be null. kSamples: some of many small ones. kApart: a seldom one, far from the others
    // perhaps, such as a block that goes: its span is not taken together with theirs.
    enum class Kind { kSamples, kApart };
    Change(ChangeLog* log, model::TimeRange range, Kind kind = Kind::kApart)
        : log_(log), range_(range), kind_(kind) {
      Tell();
    }
    ~Change() { Tell(); }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

   private:
    void Tell() const {
      if (log_ != nullptr && !range_.empty()) log_->Note(range_, kind_);
    }
    ChangeLog* const log_;
    const model::TimeRange range_;
    const Kind kind_;
  };

 private:
  struct Entry {
    Version version;
    model::TimeRange range;
  };

  void Note(model::TimeRange range, Change::Kind kind);
  void Coarsen() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::chrono::nanoseconds fold_for_;
  mutable absl::Mutex mu_;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mu_);  // Versions ascend.
  Version newest_ ABSL_GUARDED_BY(mu_) = 0;          // Of the last entry.
  bool open_ ABSL_GUARDED_BY(mu_) = false;  // The last entry takes further samples.
  std::chrono::steady_clock::time_point opened_at_ ABSL_GUARDED_BY(mu_);
};

}  // namespace storage
