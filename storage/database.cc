#include "storage/database.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include <absl/synchronization/mutex.h>

#include "storage/base/log.h"
#include "storage/base/stats.h"
#include "storage/base/status.h"
#include "storage/copies/new_folder.h"
#include "storage/copies/store_copy.h"
#include "storage/data_dir.h"
#include "storage/disk_space.h"
#include "storage/head/head.h"
#include "storage/merge.h"
#include "wal/checkpoint.h"
#include "wal/segment.h"

namespace storage {
namespace {

constexpr std::string_view kComponent = "storage";
// What the names of a family's series end with.
constexpr std::string_view kFamilySuffixes[] = {"", "_total", "_bucket", "_sum", "_count", "_info",
                                                "_gsum", "_gcount", "_created"};
constexpr size_t kMaxExemplarsRead = 1'000'000;  // From blocks, by one query; some 200 MB.

uint64_t TreeBytes(const std::string& dir) {
  uint64_t bytes = 0;
  std::error_code error;
  // Files come and go meanwhile; what cannot be looked at counts nothing.
  for (std::filesystem::recursive_directory_iterator it(dir, error), end; it != end;
       it.increment(error)) {
    if (error) break;
    std::error_code gone;
    if (it->is_regular_file(gone)) {
      const uintmax_t size = it->file_size(gone);
      if (!gone) bytes += size;
    }
  }
  return bytes;
}

absl::Status WriteSeries(SeriesCursor* cursor, BlockWriter* writer) {
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, cursor->Next());
    if (!more) return absl::OkStatus();
    RETURN_IF_ERROR(writer->AddSeries(cursor->labels(), cursor->chunks()));
    RETURN_IF_ERROR(writer->AddStarts(cursor->labels(), cursor->starts()));
    RETURN_IF_ERROR(writer->AddExemplars(cursor->labels(), cursor->exemplars()));
  }
}

// All parts as one, in label order, each exemplar once.
std::vector<ExemplarSeries> MergeExemplars(std::vector<std::vector<ExemplarSeries>> parts) {
  std::vector<ExemplarSeries> all;
  for (std::vector<ExemplarSeries>& part : parts) {
    all.insert(all.end(), std::make_move_iterator(part.begin()),
               std::make_move_iterator(part.end()));
  }
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.labels < b.labels; });
  std::vector<ExemplarSeries> merged;
  for (ExemplarSeries& series : all) {
    if (merged.empty() || merged.back().labels != series.labels) {
      merged.push_back(std::move(series));
      continue;
    }
    std::vector<model::Exemplar>& exemplars = merged.back().exemplars;
    exemplars.insert(exemplars.end(), std::make_move_iterator(series.exemplars.begin()),
                     std::make_move_iterator(series.exemplars.end()));
  }
  for (ExemplarSeries& series : merged) SortUnique(&series.exemplars);
  return merged;
}

// Where reading must begin when nobody knows what lies in blocks: at the oldest checkpoint, or the
// oldest segment when there is none. What is read twice merges away.
absl::StatusOr<uint32_t> FirstOfLog(const std::string& wal_dir) {
  ASSIGN_OR_RETURN(const auto oldest, wal::OldestCheckpoint(wal_dir));
  if (oldest) return oldest->segment;
  ASSIGN_OR_RETURN(const std::vector<wal::Segment> segments, wal::ListSegments(wal_dir));
  return segments.empty() ? 0 : segments.front().number;
}

absl::StatusOr<uint32_t> EndOfLog(const std::string& wal_dir) {
  ASSIGN_OR_RETURN(const std::vector<wal::Segment> segments, wal::ListSegments(wal_dir));
  return segments.empty() ? 0 : segments.back().number + 1;
}

absl::Status Closed() { return base::FailedPrecondition("the database is closed"); }

}  // namespace

class Database::Impl {
 public:
  explicit Impl(DatabaseOptions options)
      : options_(std::move(options)),
        head_({.max_exemplars = options_.max_exemplars,
               .limits = options_.limits,
               .changes = changes_.get(),
               .admission = &admission_,
               .store_starts = options_.store_starts,
               .starts_as_zero = options_.starts_as_zero,
               .clock = options_.clock}) {
    head_.SetOutOfOrderWindow(options_.out_of_order_window_ms);
  }

  absl::Status Open();
  absl::Status Replay(const std::function<bool(const ReplayProgress&)>& progress);
  absl::StatusOr<std::unique_ptr<Querier>> NewQuerier(model::TimeRange range);
  absl::StatusOr<std::vector<ExemplarSeries>> Exemplars(
      std::span<const std::vector<model::Matcher>> matchers, model::TimeRange range);
  absl::Status FlushHead() {
    absl::MutexLock lock(&flush_mu_);
    return closed_ ? Closed() : CountedFlush();
  }
  absl::Status ForgetMetadata(model::TimeMs heard_before);
  absl::Status Delete(std::span<const std::vector<model::Matcher>> sets, model::TimeRange range);
  absl::Status Snapshot(const std::string& to, bool skip_head);
  absl::Status Close(const std::function<void()>& flushed);
  DatabaseStats stats() const;
  uint64_t wal_bytes() const { return TreeBytes(wal_dir_); }
  model::TimeRange range() const;

  absl::Status Recover() ABSL_LOCKS_EXCLUDED(recover_mu_);
  Head& head() { return head_; }
  Admission* admission() { return &admission_; }
  BlockStore* blocks() { return blocks_.get(); }
  ChangeLog* changes() { return changes_.get(); }
  const std::string& dir() const { return options_.dir; }

 private:
  // `deleted`: about to be deleted from the block.
  absl::Status CountedFlush(const DeletedFromHead* deleted = nullptr)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(flush_mu_);
  absl::StatusOr<std::vector<BlockMeta>> Flush(const DeletedFromHead* deleted)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(flush_mu_);
  absl::StatusOr<bool> HeadHas(const DeletedFromHead& deleted);
  absl::Status WriteHead(BlockWriter* writer, model::TimeRange without_samples);
  absl::Status WriteCheckpoint(uint32_t segment) ABSL_EXCLUSIVE_LOCKS_REQUIRED(flush_mu_);
  void RemoveLogBefore(uint32_t segment);
  model::TimeMs IdleBefore() const;
  void Step(FlushStep step) const {
    if (options_.after_flush_step) options_.after_flush_step(step);
  }

  // Constant after Open. Destroyed in the reverse order: the lock is let go last.
  const DatabaseOptions options_;
  std::unique_ptr<DirLock> lock_;
  std::string wal_dir_, blocks_dir_;
  std::unique_ptr<BlockStore> blocks_;
  std::unique_ptr<wal::Writer> owned_log_;
  std::atomic<wal::Writer*> log_{nullptr};  // Null while none could be opened.
  Admission admission_;
  const std::shared_ptr<ChangeLog> changes_ =
      std::make_shared<ChangeLog>(options_.fold_changes_for);
  Head head_;
  int clean_start_ = -1;
  // The first segment of the old log that is not in the head as a whole; kReplayed: all of it is.
  std::atomic<uint32_t> replay_segment_{0};
  uint32_t old_log_end_ = 0;  // The segments below are of before the start. Constant after Open.
  static constexpr uint32_t kReplayed = UINT32_MAX;
  // A flush amid replay: what came late by then lies in blocks and in the log that the next start
  // reads. It merges away, unless it is deleted in between.
  bool log_overlaps_blocks_ ABSL_GUARDED_BY(flush_mu_) = false;
  mutable absl::Mutex replay_mu_;
  ReplayStats replayed_ ABSL_GUARDED_BY(replay_mu_);

  absl::Mutex flush_mu_;    // One flush at a time. Before recover_mu_.
  absl::Mutex recover_mu_;  // Of opening the log.
  std::atomic<bool> closed_{true};
  base::Counter flushes_, flush_failures_, flush_ns_;
};

absl::Status Database::Impl::Open() {
  RETURN_IF_ERROR(wal::FileSystem::Posix()->CreateDirs(options_.dir));
  RETURN_IF_ERROR(CheckPermission(options_.dir));
  ASSIGN_OR_RETURN(const DiskSpace space, AskDiskSpace(options_.dir));
  if (options_.lock_dir && !space.read_only) {
    ASSIGN_OR_RETURN(lock_, DirLock::Take(options_.dir));
    clean_start_ = lock_->left_behind() ? 0 : 1;
    if (lock_->left_behind()) {
      base::Log(base::LogLevel::kWarn, kComponent,
                "A lock file of an earlier run was there and is replaced: it did not stop in order",
                {{"dir", options_.dir}});
    }
  }
  ASSIGN_OR_RETURN(const std::string own, OpenDataDir(options_.dir));
  RemoveUnfinishedSnapshots(options_.dir);
  wal_dir_ = own + "/wal";
  blocks_dir_ = own + "/blocks";
  ASSIGN_OR_RETURN(blocks_, BlockStore::Open(blocks_dir_, options_.block_cache_bytes));
  blocks_->set_changes(changes_);
  if (blocks_->watermark_lost()) {
    ASSIGN_OR_RETURN(const uint32_t first, FirstOfLog(wal_dir_));
    blocks_->set_watermark(first);
  }
  ASSIGN_OR_RETURN(old_log_end_, EndOfLog(wal_dir_));  // Before anybody begins a new one.
  head_.SetReplaying(true);
  replay_segment_ = blocks_->watermark();
  closed_ = false;
  if (const absl::Status status = Recover(); !status.ok()) {
    if (!absl::IsUnavailable(status)) return status;
    base::Log(base::LogLevel::kError, kComponent,
              "Started for reading only: nothing can be ingested until the disk can be written to",
              {{"dir", options_.dir}, {"err", std::string(base::message(status))}});
  }
  return options_.replay_on_open ? Replay(nullptr) : absl::OkStatus();
}

absl::Status Database::Impl::Recover() {
  absl::MutexLock lock(&recover_mu_);
  if (log_ != nullptr) return absl::OkStatus();
  const auto open = [this]() -> absl::Status {
    ASSIGN_OR_RETURN(const DiskSpace space, AskDiskSpace(options_.dir));
    if (space.read_only) {
      return base::Unavailable("the file system of {} is read-only", options_.dir);
    }
    if (options_.lock_dir && lock_ == nullptr) {
      ASSIGN_OR_RETURN(lock_, DirLock::Take(options_.dir));
    }
    ASSIGN_OR_RETURN(owned_log_,
                     wal::Writer::Open(wal_dir_, options_.wal, blocks_->watermark()));
    return absl::OkStatus();
  };
  if (const absl::Status status = open(); !status.ok()) {
    admission_.Close(Admission::Gate::kLog,
                     fmt::format("the log cannot be written: {}", base::message(status)));
    return status;
  }
  head_.AttachLog(owned_log_.get());
  log_ = owned_log_.get();
  RemoveLogBefore(blocks_->watermark());  // A crash may have come just before.
  admission_.Open(Admission::Gate::kLog);
  return absl::OkStatus();
}

absl::Status Database::Impl::Replay(const std::function<bool(const ReplayProgress&)>& progress) {
  const uint32_t first = blocks_->watermark();
  const auto moved_on = [&](const ReplayProgress& now) {
    if (!now.done) replay_segment_ = now.current;
    return !progress || progress(now);
  };
  ASSIGN_OR_RETURN(const ReplayStats replayed, head_.Replay(wal_dir_, first, old_log_end_, moved_on));
  {
    // A flush under way took its place in the log when there was more to read: its checkpoint must
    // still be one of that time.
    absl::MutexLock lock(&flush_mu_);
    replay_segment_ = kReplayed;
    const bool nothing = replayed.samples == 0 && replayed.damaged == 0;
    const ChangeLog::Change change(nothing ? nullptr : changes_.get(), model::TimeRange());
    head_.SetReplaying(false);
  }
  std::vector<std::string> places = replayed.places;
  if (replayed.unknown_series > 0) {
    places.push_back(fmt::format("{} samples of series that are named nowhere in it",
                                 replayed.unknown_series));
  }
  if (!places.empty()) {
    base::Log(base::LogLevel::kError, kComponent,
              "Parts of the log are damaged and were left out; all else was read",
              {{"damaged", std::to_string(replayed.damaged)},
               {"first", places.front()},
               {"samples_of_unknown_series", std::to_string(replayed.unknown_series)}});
  }
  for (const std::string& place : places) {
    blocks_->damage()->Add({.what = "log, " + place, .found_by = FoundBy::kStart});
  }
  base::Log(base::LogLevel::kInfo, kComponent, "Read the log",
            {{"from_segment", std::to_string(first)},
             {"records", std::to_string(replayed.records)},
             {"series", std::to_string(replayed.series)},
             {"samples", std::to_string(replayed.samples)},
             {"blocks", std::to_string(blocks_->Metas().size())},
             {"duration", fmt::format("{:.3f}s", replayed.seconds)}});
  absl::MutexLock lock(&replay_mu_);
  replayed_ = replayed;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Querier>> Database::Impl::NewQuerier(model::TimeRange range) {
  RETURN_IF_ERROR(admission_.CheckQuery());
  for (;;) {
    if (closed_) return Closed();
    // A block that appears between the two looks may hold half of a batch that this head's view
    // does not show; one that appears before both is seen, one after both is not.
    const uint64_t before = blocks_->generation();
    std::unique_ptr<Querier> head = head_.NewQuerier(range);
    ASSIGN_OR_RETURN(std::vector<std::unique_ptr<Querier>> parts, blocks_->NewQueriers(range));
    if (blocks_->generation() != before) continue;
    parts.push_back(std::move(head));  // Last: it wins.
    return MergeQueriers(std::move(parts));
  }
}

absl::StatusOr<std::vector<ExemplarSeries>> Database::Impl::Exemplars(
    std::span<const std::vector<model::Matcher>> matchers, model::TimeRange range) {
  RETURN_IF_ERROR(admission_.CheckQuery());
  for (;;) {
    if (closed_) return Closed();
    const uint64_t before = blocks_->generation();  // As in NewQuerier.
    ASSIGN_OR_RETURN(std::vector<ExemplarSeries> in_head, head_.Exemplars(matchers, range));
    size_t room = kMaxExemplarsRead;
    ASSIGN_OR_RETURN(auto parts, blocks_->Exemplars(matchers, range, &room));
    if (blocks_->generation() != before) continue;
    parts.push_back(std::move(in_head));
    return MergeExemplars(std::move(parts));
  }
}

absl::Status Database::Impl::ForgetMetadata(model::TimeMs heard_before) {
  std::optional<absl::StatusOr<base::StringSet>> names;  // Looked up only when somebody asks.
  const auto look_up = [&]() -> absl::StatusOr<base::StringSet> {
    ASSIGN_OR_RETURN(const auto querier, NewQuerier({}));
    ASSIGN_OR_RETURN(const auto all, querier->LabelValues(model::kMetricName, {}, 0));
    return base::StringSet(all.begin(), all.end());
  };
  std::string name;
  head_.ForgetMetadata(heard_before, [&](std::string_view family) {
    if (!names) names = look_up();
    if (!names->ok()) return true;
    return std::any_of(std::begin(kFamilySuffixes), std::end(kFamilySuffixes), [&](auto suffix) {
      name.assign(family).append(suffix);
      return (*names)->contains(name);
    });
  });
  return names ? names->status() : absl::OkStatus();
}

// A series whose last sample is older than this may go: a sample that far behind the newest is out
// of bounds anyway, so nothing that would be refused today is taken tomorrow. Clocks of targets
// that run ahead do not count.
model::TimeMs Database::Impl::IdleBefore() const {
  const model::TimeMs newest = std::min(head_.max_time(), options_.clock->NowMs());
  model::TimeMs before;
  if (__builtin_sub_overflow(newest, options_.idle_ms, &before)) return newest;
  return before;
}

absl::Status Database::Impl::CountedFlush(const DeletedFromHead* deleted) {
  RETURN_IF_ERROR(Recover());  // Without a log there would be no watermark.
  const auto start = std::chrono::steady_clock::now();
  const absl::StatusOr<std::vector<BlockMeta>> metas = Flush(deleted);
  const auto took = std::chrono::steady_clock::now() - start;
  flush_ns_.Add(static_cast<uint64_t>(std::chrono::nanoseconds(took).count()));
  (metas.ok() ? flushes_ : flush_failures_).Add();
  RETURN_IF_ERROR(metas.status());
  // Without any there was nothing; only the log moved on.
  for (const BlockMeta& meta : *metas) {
    base::Log(base::LogLevel::kInfo, kComponent, "Flushed the head",
              {{"block", meta.ulid},
               {"mint", std::to_string(meta.range.min)},
               {"maxt", std::to_string(meta.range.max)},
               {"series", std::to_string(meta.num_series)},
               {"samples", std::to_string(meta.num_samples)},
               {"bytes", std::to_string(meta.bytes)},
               {"duration", fmt::format("{:.3f}s", std::chrono::duration<double>(took).count())}});
  }
  return absl::OkStatus();
}

// The order makes a crash at any point harmless: up to the publish the old watermark, checkpoint
// and segments stand; from then on the new ones do. See storage/head/head.h.
absl::StatusOr<std::vector<BlockMeta>> Database::Impl::Flush(const DeletedFromHead* deleted) {
  // Before the cut: what replay has applied until now goes to the block with all else.
  const uint32_t replayed_before = replay_segment_;
  if (replayed_before <= blocks_->watermark() && replayed_before != kReplayed) {
    return std::vector<BlockMeta>();
  }
  BlockMeta like;
  const model::TimeMs now = options_.clock->NowMs();
  like.range = {now, now};  // Of exemplars alone: their own times may be any.
  ASSIGN_OR_RETURN(std::unique_ptr<BlockWriter> writer, blocks_->NewBlock(like));
  ASSIGN_OR_RETURN(const uint32_t cut, head_.CutForFlush());
  const uint32_t segment = std::min(cut, replayed_before);
  Step(FlushStep::kLogCut);
  RETURN_IF_ERROR(WriteHead(writer.get(), like.range));
  Step(FlushStep::kSeriesWritten);
  RETURN_IF_ERROR(WriteCheckpoint(segment));
  Step(FlushStep::kCheckpointed);
  ASSIGN_OR_RETURN(std::vector<BlockMeta> metas, writer->PublishAll(segment));
  Step(FlushStep::kPublished);
  head_.DropFlushed(IdleBefore(), deleted);
  Step(FlushStep::kHeadDropped);
  RemoveLogBefore(segment);
  Step(FlushStep::kLogRemoved);
  log_overlaps_blocks_ = replayed_before != kReplayed;
  return metas;
}

// Days that a bulk import brought get a block each. Late samples go to blocks of their own, so that a
// straggler of last week does not make the fresh block a week wide.
absl::Status Database::Impl::WriteHead(BlockWriter* writer, model::TimeRange without_samples) {
  const std::unique_ptr<FlushCursor> cursor = head_.FlushCursor();
  for (const model::TimeRange& range : cursor->ranges()) {
    RETURN_IF_ERROR(writer->Begin(without_samples));
    cursor->Restart(range);
    RETURN_IF_ERROR(WriteSeries(cursor.get(), writer));
  }
  for (const model::TimeRange& range : head_.LateRanges()) {
    RETURN_IF_ERROR(writer->Begin(without_samples));
    RETURN_IF_ERROR(WriteSeries(head_.LateCursor(range).get(), writer));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Database::Impl::HeadHas(const DeletedFromHead& deleted) {
  const std::unique_ptr<Querier> querier = head_.NewQuerier(deleted.range);
  for (const auto& set : deleted.sets) {
    ASSIGN_OR_RETURN(const auto selection, querier->Select({set, deleted.range}));
    if (selection->size() > 0) return true;
  }
  ASSIGN_OR_RETURN(const auto exemplars, head_.Exemplars(deleted.sets, deleted.range));
  return !exemplars.empty();
}

// Flushed, all of it lies in blocks, where one step deletes it. No flush may come between the two,
// or the block of it would be taken for one from before.
absl::Status Database::Impl::Delete(std::span<const std::vector<model::Matcher>> sets,
                                    model::TimeRange range) {
  absl::MutexLock lock(&flush_mu_);
  if (closed_) return Closed();
  if (replay_segment_ != kReplayed) {
    return base::Unavailable("the log is still being read; try again when it is done");
  }
  const DeletedFromHead deleted{sets, range};
  ASSIGN_OR_RETURN(const bool in_head, HeadHas(deleted));
  if (in_head || log_overlaps_blocks_) {
    RETURN_IF_ERROR(CountedFlush(&deleted));
  } else {
    head_.Forget(IdleBefore(), &deleted);
  }
  RETURN_IF_ERROR(blocks_->Delete(sets, range));
  base::Log(base::LogLevel::kInfo, kComponent, "Deleted series",
            {{"matcher_sets", std::to_string(sets.size())},
             {"mint", std::to_string(range.min)},
             {"maxt", std::to_string(range.max)}});
  return absl::OkStatus();
}

// The lock is held until it is settled what belongs to the snapshot: a flush amid it would take the
// checkpoint away. What a merge leaves half done is nothing but what a crash would leave.
absl::Status Database::Impl::Snapshot(const std::string& to, bool skip_head) {
  wal::FileSystem* const files = options_.wal.files;
  std::unique_ptr<HeldFiles> held;
  std::unique_ptr<NewFolder> folder;
  {
    absl::MutexLock lock(&flush_mu_);
    if (closed_) return Closed();
    if (replay_segment_ != kReplayed) {
      return base::Unavailable("the log is still being read; try again when it is done");
    }
    ASSIGN_OR_RETURN(folder, NewFolder::Begin(to, kUnfinishedSnapshot, files));
    if (!skip_head) RETURN_IF_ERROR(CountedFlush());
    ASSIGN_OR_RETURN(held, blocks_->Hold());
    // Names of the series, and their newest samples and exemplars to judge by.
    RETURN_IF_ERROR(CopyCheckpoint(wal_dir_, blocks_->watermark(), folder->aside(), files));
  }
  RETURN_IF_ERROR(CopyBlocks(blocks_dir_, *held, folder->aside(), files));
  RETURN_IF_ERROR(WriteDataFormat(folder->aside(), files));
  RETURN_IF_ERROR(folder->Finish());
  base::Log(base::LogLevel::kInfo, kComponent, "Made a snapshot",
            {{"path", to}, {"files", std::to_string(held->files().size())}});
  return absl::OkStatus();
}

absl::Status Database::Impl::WriteCheckpoint(uint32_t segment) {
  ASSIGN_OR_RETURN(auto checkpoint, wal::CheckpointWriter::Create(wal_dir_, segment));
  RETURN_IF_ERROR(head_.WriteCheckpoint(checkpoint.get()));
  return checkpoint->Finish();
}

// What cannot be removed now is in nobody's way, and is removed next time.
void Database::Impl::RemoveLogBefore(uint32_t segment) {
  absl::Status status = log_.load()->RemoveBefore(segment);
  if (status.ok()) status = wal::RemoveCheckpointsExcept(wal_dir_, segment);
  if (status.ok()) return;
  base::Log(base::LogLevel::kWarn, kComponent, "Removing old log failed; will try again",
            {{"err", std::string(base::message(status))}});
}

absl::Status Database::Impl::Close(const std::function<void()>& flushed) {
  absl::MutexLock lock(&flush_mu_);
  if (closed_) return absl::OkStatus();
  const bool replayed = replay_segment_ == kReplayed;
  absl::Status status = replayed ? CountedFlush() : absl::OkStatus();
  if (replayed && status.ok() && flushed) flushed();
  closed_ = true;
  if (!status.ok()) {
    base::Log(base::LogLevel::kError, kComponent,
              "The last flush failed; the log has it all and is read at the next start",
              {{"err", std::string(base::message(status))}});
  }
  if (wal::Writer* log = log_) status.Update(log->Close());
  status.Update(blocks_->Close());
  lock_.reset();
  return status;
}

DatabaseStats Database::Impl::stats() const {
  DatabaseStats stats;
  stats.head = head_.info();
  const HeadStats head = head_.stats();
  stats.samples_appended = head.samples_appended;
  stats.out_of_order = head.out_of_order;
  stats.out_of_bounds = head.out_of_bounds;
  stats.duplicates = head.duplicates;
  stats.too_old = head.too_old;
  stats.late_appended = head.late_appended;
  stats.series_created = head.series_created;
  stats.series_removed = head.series_removed;
  stats.exemplars_appended = head.exemplars_appended;
  stats.exemplars_stored = head.exemplars_stored;
  stats.metadata_entries = head.metadata_entries;
  stats.metadata_bytes = head.metadata_bytes;
  {
    absl::MutexLock lock(&replay_mu_);
    stats.wal_corruptions = replayed_.damaged;
    stats.replayed_records = replayed_.records;
    stats.replayed_unknown_series = replayed_.unknown_series;
    stats.replay_seconds = replayed_.seconds;
  }
  if (const wal::Writer* log = log_) stats.wal = log->stats();
  for (size_t i = 0; i < stats.refused_by_limit.size(); ++i) {
    stats.refused_by_limit[i] = head_.refused(static_cast<SeriesLimit>(i));
  }
  stats.wal_bytes = wal_bytes();
  stats.block_bytes = blocks_->bytes();
  stats.blocks = blocks_->stats();
  stats.flushes = flushes_.value();
  stats.flush_failures = flush_failures_.value();
  stats.flush_seconds = static_cast<double>(flush_ns_.value()) / 1e9;
  stats.clean_start = clean_start_;
  return stats;
}

model::TimeRange Database::Impl::range() const {
  model::TimeRange range = head_.info().range;
  for (const BlockMeta& meta : blocks_->Metas()) range.Extend(meta.range);
  return range;
}

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Database::~Database() { static_cast<void>(impl_->Close(nullptr)); }

absl::StatusOr<std::unique_ptr<Database>> Database::Open(DatabaseOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  RETURN_IF_ERROR(impl->Open());
  return std::unique_ptr<Database>(new Database(std::move(impl)));
}

absl::Status Database::Replay(const std::function<bool(const ReplayProgress&)>& progress) {
  return impl_->Replay(progress);
}
std::unique_ptr<Appender> Database::NewAppender() { return impl_->head().NewAppender(); }
void Database::SetOutOfOrderWindow(int64_t window_ms) {
  impl_->head().SetOutOfOrderWindow(window_ms);
}

absl::StatusOr<std::unique_ptr<Querier>> Database::NewQuerier(model::TimeRange range) {
  return impl_->NewQuerier(range);
}

absl::StatusOr<std::vector<ExemplarSeries>> Database::Exemplars(
    std::span<const std::vector<model::Matcher>> matchers, model::TimeRange range) {
  return impl_->Exemplars(matchers, range);
}

std::vector<model::FamilyMetadata> Database::Metadata(std::string_view family) const {
  return impl_->head().Metadata(family);
}
absl::Status Database::ForgetMetadata(model::TimeMs heard_before) {
  return impl_->ForgetMetadata(heard_before);
}

absl::Status Database::FlushHead() { return impl_->FlushHead(); }
absl::Status Database::Delete(std::span<const std::vector<model::Matcher>> sets,
                              model::TimeRange range) {
  return impl_->Delete(sets, range);
}
absl::Status Database::Snapshot(const std::string& to, bool skip_head) {
  return impl_->Snapshot(to, skip_head);
}
absl::Status Database::Close(const std::function<void()>& flushed) {
  return impl_->Close(flushed);
}
Admission* Database::admission() { return impl_->admission(); }
absl::Status Database::Recover() { return impl_->Recover(); }
SeriesLimitReport Database::limits() const { return impl_->head().limits(); }
BlockStore* Database::blocks() { return impl_->blocks(); }
ChangeLog* Database::changes() { return impl_->changes(); }
std::string Database::Fingerprint() const { return impl_->blocks()->Fingerprint(); }
DatabaseStats Database::stats() const { return impl_->stats(); }
HeadInfo Database::head_info() const { return impl_->head().info(); }
uint64_t Database::wal_bytes() const { return impl_->wal_bytes(); }
Cardinality Database::TopCardinality(size_t limit) const {
  return impl_->head().TopCardinality(limit);
}
std::vector<MetricInHead> Database::CountHeadByMetric() const {
  return impl_->head().CountByMetric();
}
model::TimeRange Database::range() const { return impl_->range(); }
const std::string& Database::dir() const { return impl_->dir(); }

}  // namespace storage
