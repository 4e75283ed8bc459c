// The one thread that flushes the head, merges blocks, drops old ones, and looks for damage in them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include <absl/synchronization/mutex.h>

#include "compaction/clock_watch.h"
#include "compaction/planner.h"
#include "compaction/retention.h"
#include "compaction/scrub.h"
#include "storage/base/clock.h"
#include "storage/database.h"

namespace compaction {

struct SchedulerOptions {
  int64_t check_interval_ms = 15'000;
  // The head is flushed at multiples of this since the epoch, and earlier when it holds this many
  // samples (the greater of both figures) or (0: whatever it takes) bytes.
  int64_t flush_interval_ms = 12 * 60 * 1000;
  uint64_t flush_samples = 16'000'000;
  uint64_t flush_samples_per_series = 16;  // A flush costs by the series as much as by the samples.
  uint64_t flush_bytes = 0;
  // How often the samples are looked at; other reasons to flush have time until the next check.
  int64_t head_look_ms = 250;
  // A merge that failed is not tried again with the same blocks for so long.
  int64_t retry_merge_ms = 60 * 60 * 1000;
  PlanOptions plan;
  RetentionOptions retention;
  ScrubOptions scrub;
  // Room on the disk that merges may take; null: any. A merge of more has to wait.
  std::function<int64_t()> spare_bytes;
  base::Clock* clock = base::SystemClock::Get();  // Outlives the scheduler.
  std::function<int64_t()> steady_ms;  // Of a clock that never steps; null: the system's.
};

struct SchedulerStats {  // Totals.
  uint64_t flushes = 0, flush_failures = 0;
  uint64_t merges = 0, merge_failures = 0;
  double merge_seconds = 0;
  uint64_t cleanings = 0;  // By CleanTombstones.
  double cleaning_seconds = 0;
  uint64_t merged_samples = 0, merged_chunks = 0, merged_bytes = 0;  // Of the results.
  uint64_t dropped_by_time = 0, dropped_by_size = 0, drop_failures = 0;
  uint64_t clock_steps = 0;    // Seen of the wall clock, in either direction.
  uint64_t thinned = 0;        // Blocks rewritten since the time of some of their series was over.
  ScrubStats scrub;
  RetentionOptions retention;  // As it is now.
  std::string last_error;      // Of the last step that failed; stays when later ones go well.
};

// Thread-safe.
class Scheduler {
 public:
  // `database` outlives it.
  Scheduler(storage::Database* database, SchedulerOptions options);
  ~Scheduler();  // Stops.

  void Start();
  // Ends the thread; a merge under way is given up at once and leaves nothing. Does not flush.
  void Stop();
  void RequestFlush();  // Soon, on the thread.
  void SetRetention(RetentionOptions retention);
  // Rewrites every block of which something is deleted, on the thread, and waits for it: a merge
  // under way is finished first. What is deleted meanwhile may stay. kUnavailable while stopped, and
  // when Stop comes amid it.
  absl::Status CleanTombstones();

  // What the thread does every check_interval_ms: flush if it is time, drop what is expired, merge
  // until nothing is to merge. For tests, and not while the thread runs.
  void RunOnce();
  SchedulerStats stats() const;
  // Of how many flushes the head holds the samples, while one is under way; else 0. Well above 1:
  // samples come faster than they are written.
  double FlushLag() const;

 private:
  void Loop();
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Rest();  // Until the next look, or until there is other work; reads on in blocks meanwhile.
  model::TimeMs Now();  // By the wall clock; notes its steps.
  void Stepped(int64_t step_ms);
  void FlushIfDue();
  absl::Status Flush();
  bool FlushIsDue(model::TimeMs now);
  double HeadFill() const;  // From 1 on its samples are a reason to flush.
  bool HeadIsFull(model::TimeMs now) const { return now >= next_flush_attempt_ && HeadFill() >= 1; }
  void DropExpired();
  void ForgetMetadata();  // Now and then, and soon after blocks went.
  bool HasRoomFor(const Plan& plan, const std::vector<storage::BlockMeta>& metas);
  bool MergeNext();  // False when there was nothing to do, or it could not be done.
  absl::Status CarryOut(const Plan& plan,
                        const std::function<bool(model::LabelsView)>& keep = nullptr);
  void DropBlock(const std::string& ulid, std::string_view reason,
                 uint64_t SchedulerStats::*counter);
  // Takes the expired series out of a block, unless it has none of them.
  void Thin(const Thinning& thinning, const RetentionOptions& retention);
  absl::Status TryThin(const Thinning& thinning, const RetentionOptions& retention);
  void CleanIfAsked();
  absl::Status Clean();
  bool KeepGoing();  // Between the series of a merge.
  void Failed(std::string_view what, const absl::Status& status, uint64_t SchedulerStats::*counter);

  storage::Database* const database_;
  const SchedulerOptions options_;
  std::atomic<bool> stop_{false}, flush_requested_{false}, flushing_{false};

  // Of the thread that runs the steps.
  ClockWatch clock_watch_;
  int64_t flush_slot_;  // now / flush_interval_ms when last flushed.
  model::TimeMs next_flush_attempt_ = 0;
  model::TimeMs next_check_in_merge_ = 0;
  int failed_flushes_ = 0;  // In a row.
  bool room_was_missing_ = false;
  uint32_t asked_ = 0;
  model::TimeMs next_forgetting_ = 0;  // Of metadata.
  Scrub scrub_;
  int64_t next_scrub_ms_ = 0;  // By the steady clock.
  std::map<std::string, model::TimeMs> set_aside_;  // Blocks of failed merges, until then.

  // What was taken out of blocks, or found not to be in them; for retention_round_.
  std::map<std::string, std::vector<bool>> thin_;
  uint64_t thin_round_ = 0;

  mutable absl::Mutex mu_;
  absl::CondVar wake_;
  bool running_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t cleanings_asked_ ABSL_GUARDED_BY(mu_) = 0, cleanings_done_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status cleaned_ ABSL_GUARDED_BY(mu_);  // How the last one went.
  RetentionOptions retention_ ABSL_GUARDED_BY(mu_);
  uint64_t retention_round_ ABSL_GUARDED_BY(mu_) = 0;  // Counts what was set.
  SchedulerStats stats_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace compaction
