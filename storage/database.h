// The whole store: head, blocks and log under one directory lock; both doors.
//
//   <dir>/lock             held by flock while open; Prometheus takes the same one
//   <dir>/tidemark/FORMAT  version of everything below
//   <dir>/tidemark/wal     the log (wal/README.md)
//   <dir>/tidemark/blocks  the blocks (README.md)
//
// All of ours lies in one folder, so that a directory of Prometheus can be used: its files are left
// alone, and it can be started on them again.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "storage/admission.h"
#include "storage/appender.h"
#include "storage/base/clock.h"
#include "storage/block/block_store.h"
#include "storage/change_log.h"
#include "storage/head/head_info.h"
#include "storage/head/series_limits.h"
#include "storage/querier.h"
#include "wal/writer.h"

namespace storage {

class Head;

// What FlushHead has done so far. A crash after any of them loses nothing and doubles nothing.
enum class FlushStep {
  kLogCut, kSeriesWritten, kCheckpointed, kPublished, kHeadDropped, kLogRemoved
};

struct DatabaseOptions {
  std::string dir;
  wal::WriterOptions wal;
  bool lock_dir = true;              // False for --storage.tsdb.no-lockfile.
  int64_t block_cache_bytes = 32 << 20;
  int64_t max_exemplars = 100'000;   // In memory, until a flush. 0: exemplars are refused.
  SeriesLimitOptions limits;         // Of the head; new series beyond are kLimited.
  int64_t out_of_order_window_ms = 0;  // How late a sample may be; see SetOutOfOrderWindow.
  bool store_starts = false;         // Keeps the start times that come with samples: st-storage.
  bool starts_as_zero = false;       // A zero at the start: created-timestamp-zero-ingestion.
  bool replay_on_open = true;        // Else the owner calls Replay.
  int64_t idle_ms = 60 * 60 * 1000;  // A series this long without news leaves the head.
  base::Clock* clock = base::SystemClock::Get();
  std::chrono::nanoseconds fold_changes_for = ChangeLog::kFoldFor;  // Of Database::changes().
  std::function<void(FlushStep)> after_flush_step;  // For tests; called without locks that matter.
};

// Everything counted since Open; see server/self_metrics for what they are called.
struct DatabaseStats {
  HeadInfo head;
  uint64_t samples_appended = 0, out_of_order = 0, out_of_bounds = 0, duplicates = 0, too_old = 0;
  uint64_t late_appended = 0;  // Of samples_appended.
  uint64_t series_created = 0, series_removed = 0;
  uint64_t exemplars_appended = 0, exemplars_stored = 0;
  uint64_t metadata_entries = 0, metadata_bytes = 0;  // In memory.
  uint64_t wal_corruptions = 0, replayed_records = 0;
  double replay_seconds = 0;
  wal::WriterStats wal;
  uint64_t replayed_unknown_series = 0;           // Samples whose series was lost to damage.
  uint64_t wal_bytes = 0, block_bytes = 0;        // On disk now.
  BlockStoreStats blocks;
  std::array<uint64_t, kSeriesLimits> refused_by_limit{};  // Samples of new series.
  int clean_start = -1;  // -1: no lock file; 0: one was left behind by a crash; 1: there was none.
  uint64_t flushes = 0, flush_failures = 0;
  double flush_seconds = 0;
};

// Thread-safe. Passive: it has no thread but the log's; whoever owns it calls FlushHead and the
// BlockStore's merges and drops (compaction does).
class Database final : public Appendable, public Queryable {
 public:
  // Takes the lock, opens the blocks, begins a new log and, unless told otherwise, replays the old
  // one. kFailedPrecondition: the directory is in use or not ours to write, or its format is newer
  // than this program knows (the message names both versions). A full or read-only disk is no error
  // when there is something to read: queries are answered, commits refused (Admission::Gate::kLog),
  // until Recover succeeds.
  static absl::StatusOr<std::unique_ptr<Database>> Open(DatabaseOptions options);
  ~Database() override;  // As Close, but silent.

  // Reads the log of the time before Open; for one thread, once. New samples are taken and queries
  // answered meanwhile, with a warning. `progress`, which may be null, is asked from time to time
  // whether to go on; kCancelled when not, and the next start reads it all. Ends after a flush that is
  // under way. Until it is done the
  // head is flushed only up to the last segment read in full, and Delete is kUnavailable.
  absl::Status Replay(const std::function<bool(const ReplayProgress&)>& progress);
  std::unique_ptr<Appender> NewAppender() override;
  // Samples so far behind the newest are taken although their series has newer ones; 0: none are.
  void SetOutOfOrderWindow(int64_t window_ms);
  absl::StatusOr<std::unique_ptr<Querier>> NewQuerier(model::TimeRange range) override;
  ChangeLog* changes() override;
  // Exemplars of the series that satisfy any of the matcher sets, in label order, of head and blocks.
  // kResourceExhausted when they are too many for the memory.
  absl::StatusOr<std::vector<ExemplarSeries>> Exemplars(
      std::span<const std::vector<model::Matcher>> matchers, model::TimeRange range);

  // What sources said of a metric family, or of all when it is empty: type, help, unit. By name, of
  // each what was heard last first. Kept until ForgetMetadata.
  std::vector<model::FamilyMetadata> Metadata(std::string_view family) const;
  // Forgets metadata last heard before `heard_before`, and that of metrics of which nothing is left.
  absl::Status ForgetMetadata(model::TimeMs heard_before);

  // Writes everything the head holds as level-0 blocks, most often one and none wider than about a day,
  // in one atomic ingest together with the log's watermark, and removes the log before it. Ingest and
  // queries go on meanwhile. What was flushed leaves the head; series without news since `idle_ms`
  // leave too.
  absl::Status FlushHead();
  // Deletes samples and exemplars in `range` of the series that satisfy any of the sets: all that was
  // acknowledged before the call, at once and durably, or after an error nothing. What comes later
  // is new data. The head is flushed first when it holds any of it.
  absl::Status Delete(std::span<const std::vector<model::Matcher>> sets, model::TimeRange range);
  // Makes `to`, which must not be there, a data directory of its own with all that was acknowledged
  // before the call, without halves of batches or deletes; with `skip_head` only what lies in blocks
  // by now. Tables become hard links, where there can be some. It is called `to`.tmp until it is
  // whole and on the disk; a failure removes it. Ingest, merges and deletes go on meanwhile, files
  // they need no more stay as long. kUnavailable while the old log is read or nothing can be written.
  absl::Status Snapshot(const std::string& to, bool skip_head);
  // FlushHead, so that nothing is left to replay, then everything is closed. Appenders and Queriers
  // must be gone, and Replay ended; when it was not done, the log stays as it is. Idempotent.
  // `flushed`, which may be null, is called in between when all went well: blocks hold everything.
  absl::Status Close(const std::function<void()>& flushed = nullptr);

  // What is refused for the time being; asked by NewQuerier and by Commit.
  Admission* admission();
  // Where Open, or a disk that went away, left no log to write to: tries again. OK when there is one.
  absl::Status Recover();
  SeriesLimitReport limits() const;

  BlockStore* blocks();
  // Stands for all samples in blocks: the same text after a restart means the same samples, given
  // that nothing was replayed since.
  std::string Fingerprint() const;
  DatabaseStats stats() const;
  HeadInfo head_info() const;
  uint64_t wal_bytes() const;  // On disk now.
  Cardinality TopCardinality(size_t limit) const;
  std::vector<MetricInHead> CountHeadByMetric() const;  // In no order. Looks at every series.
  // The newest and oldest sample anywhere; None when empty.
  model::TimeRange range() const;
  const std::string& dir() const;

 private:
  class Impl;
  explicit Database(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace storage
