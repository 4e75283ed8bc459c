// The newest samples of every series, in memory, with a log behind them.
//
// What a commit acknowledged is found in the head until a block holds it. Flushing is the owner's
// task (storage/database), in these steps; F is the order that makes a crash at any point harmless:
//
//   ASSIGN_OR_RETURN(uint32_t n, head->CutForFlush());        // Commits from here on: segment >= n.
//   auto cursor = head->FlushCursor();                        // -> BlockWriter::AddSeries
//   for (range : cursor->ranges()) { cursor->Restart(range); while (cursor->Next()) ... }
//   CheckpointWriter out(n); head->WriteCheckpoint(&out); out.Finish();              // F1
//   block_writer->Publish(/*watermark=*/n);                                          // F2
//   head->DropFlushed(idle_before);
//   log->RemoveBefore(n); wal::RemoveCheckpointsExcept(n);                           // F3
//
// One flush at a time. A flush that is given up half way changes nothing: the next one takes it all.
// Start: head->AttachLog(writer), then head->Replay(dir, watermark, end), perhaps on another thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <absl/functional/function_ref.h>
#include <absl/status/statusor.h>

#include "storage/admission.h"
#include "storage/appender.h"
#include "storage/base/clock.h"
#include "storage/change_log.h"
#include "storage/head/head_info.h"
#include "storage/head/series_limits.h"
#include "storage/querier.h"
#include "wal/checkpoint.h"
#include "wal/writer.h"

namespace storage {

struct HeadOptions {
  int64_t max_exemplars = 100'000;  // Held until a flush takes them. 0: exemplars are refused.
  size_t max_metadata_bytes = 64 << 20;  // What was heard longest ago goes first.
  SeriesLimitOptions limits;        // New series beyond them are kLimited.
  ChangeLog* changes = nullptr;     // Is told of each commit. Outlives the head. May be null.
  Admission* admission = nullptr;   // Asked before each commit. Outlives the head. Null: all goes.
  uint64_t hash_seed = 0;           // Of the map from labels to series; 0: a random one.
  bool store_starts = false;    // Keeps the start times that come with samples.
  bool starts_as_zero = false;  // Puts a zero there, when it is newer than what the series has.
  base::Clock* clock = base::SystemClock::Get();
};

struct HeadStats {  // Counted since the head was made.
  uint64_t samples_appended = 0, out_of_order = 0, out_of_bounds = 0, duplicates = 0, too_old = 0;
  uint64_t late_appended = 0;  // Of samples_appended.
  uint64_t series_created = 0, series_removed = 0;
  uint64_t exemplars_appended = 0, exemplars_stored = 0;  // Stored: held now.
  uint64_t metadata_entries = 0, metadata_bytes = 0;      // Held now.
};

struct ReplayStats {
  uint64_t records = 0, samples = 0, series = 0;
  uint64_t damaged = 0;          // Stretches of the log, and records, that could not be read.
  uint64_t unknown_series = 0;   // Samples whose series was in a damaged part.
  double seconds = 0;
  static constexpr size_t kMaxPlaces = 1000;
  std::vector<std::string> places;  // Where and why; the first of them.
};

// Series that satisfy any of the sets and whose newest sample lies in `range`.
struct DeletedFromHead {
  std::span<const std::vector<model::Matcher>> sets;
  model::TimeRange range;
};

// Every series with samples or exemplars of commits before the cut, in label order, with these alone.
class FlushCursor : public SeriesCursor {
 public:
  // Spans of time that each want a block of their own, and cover all of it; most often one.
  virtual const std::vector<model::TimeRange>& ranges() const = 0;
  // Begins again with the first series, and gives of each what lies in `range`.
  virtual void Restart(model::TimeRange range) = 0;
};

class Head final : public Appendable {  // Thread-safe.
 public:
  explicit Head(HeadOptions options);
  // Appenders, queriers and cursors must be gone; Selections may stay.
  ~Head() override;

  // Reads checkpoint `watermark` of the log in `log_dir` when there is one, then the segments from
  // `watermark` on, below `end_segment`: those of before the start. Once, at the start; commits, queries and flushes
  // may go on meanwhile, and see what was read bit by bit. Damage is stepped over, counted and
  // reported, never an error; errors are those of reading files, and kCancelled when `progress`,
  // which may be null, says false.
  absl::StatusOr<ReplayStats> Replay(const std::string& log_dir, uint32_t watermark,
                                     uint32_t end_segment,
                                     const std::function<bool(const ReplayProgress&)>& progress);
  // While there is something to replay: queriers warn, and no series is forgotten.
  void SetReplaying(bool replaying);
  // Commits go to `log` from now on. It outlives the head's last commit. Before any AttachLog
  // commits are kept in memory only. Refs given out from now on are above all of earlier logs.
  void AttachLog(wal::Writer* log);

  std::unique_ptr<Appender> NewAppender() override;
  // How far behind the newest sample a late one may be; 0: none is taken. For batches begun later.
  void SetOutOfOrderWindow(int64_t window_ms);

  // A view of the head alone. To see head and blocks without gap: list the blocks, make this, list
  // again, and start over when a block was published in between. What DropFlushed drops later stays
  // visible to this Querier.
  std::unique_ptr<Querier> NewQuerier(model::TimeRange range);
  // What no block has of the series that satisfy any of the matcher sets, in label order; series
  // without any left out.
  absl::StatusOr<std::vector<ExemplarSeries>> Exemplars(
      std::span<const std::vector<model::Matcher>> matchers, model::TimeRange range);

  // What sources say of a metric family, or of all when it is empty; by name, of each family what
  // was heard last first, without what that has replaced.
  std::vector<model::FamilyMetadata> Metadata(std::string_view family) const;
  // Forgets what was last heard before `heard_before`, and families of which nothing was heard for two
  // hours that `in_use` denies. Lasts from the next checkpoint on.
  void ForgetMetadata(model::TimeMs heard_before,
                      absl::FunctionRef<bool(std::string_view family)> in_use);

  // Ends the log's segment: every commit logged before the new segment, whose number is returned,
  // is in the head, and is what the flush is about. Waits for commits under way. Without a log it
  // returns 0.
  absl::StatusOr<uint32_t> CutForFlush();
  // To be brought to its end.
  std::unique_ptr<storage::FlushCursor> FlushCursor();
  // After the cursor reached its end. The late samples that go with it, as spans of time that each
  // want a block of their own: days, and windows of 2 h in the last day. LateCursor gives those of
  // one.
  std::vector<model::TimeRange> LateRanges() const;
  std::unique_ptr<SeriesCursor> LateCursor(model::TimeRange range);
  // After the cursor reached its end. Every live series with its last flushed sample and exemplar;
  // what later segments add is not in it.
  absl::Status WriteCheckpoint(wal::CheckpointWriter* out);
  // After the block is visible. Drops what the last FlushCursor gave out. Series without a sample
  // later than `idle_before` and without any chunk left are forgotten, names and all.
  // `deleted`, which may be null, are forgotten at any age when they are without chunks.
  void DropFlushed(model::TimeMs idle_before, const DeletedFromHead* deleted = nullptr);
  // The second part of it alone, when there was nothing to flush.
  void Forget(model::TimeMs idle_before, const DeletedFromHead* deleted);

  HeadInfo info() const;
  HeadStats stats() const;
  Cardinality TopCardinality(size_t limit) const;
  std::vector<MetricInHead> CountByMetric() const;  // In no order. Looks at every series.
  SeriesLimitReport limits() const;
  uint64_t refused(SeriesLimit limit) const;  // Samples of new series.
  // The newest sample ever taken, flushed or not; minimum int64 when there was none.
  model::TimeMs max_time() const;

  struct Parts;  // head_parts.h, for the files of this folder.

 private:
  const std::unique_ptr<Parts> parts_;
};

}  // namespace storage
