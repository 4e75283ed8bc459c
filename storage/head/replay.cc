#include "storage/head/replay.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "storage/base/status.h"
#include "storage/head/histogram_bytes.h"
#include "storage/head/record.h"
#include "wal/reader.h"
#include "wal/segment.h"

namespace storage {

class Replayer::Impl final : public RecordReader {
 public:
  Impl(Head::Parts* parts, ReplayStats* stats)
      : parts_(parts), pass_(&parts->gate), horizon_(parts->Horizon()), stats_(stats) {}

  void Apply(std::string_view record, uint32_t segment) {
    segment_ = segment;
    ++stats_->records;
    if (absl::Status status = ReadRecord(record, this); !status.ok()) {
      Damaged(std::string(base::message(status)));
    }
    parts_->Count(delta_);
    delta_ = {};
    parts_->SawTimes(times_);
  }

  void Damaged(std::string reason) {
    ++stats_->damaged;
    if (stats_->places.size() < ReplayStats::kMaxPlaces) stats_->places.push_back(std::move(reason));
  }

  void ListNew() {
    ListCreated();
    if (newest_flushed_ == kNoTime) return;
    // Not in memory, but the head has been that far.
    model::TimeMs seen = parts_->max_time.load();
    while (seen < newest_flushed_ &&
           !parts_->max_time.compare_exchange_weak(seen, newest_flushed_)) {
    }
  }

  void OnSeries(SeriesRef ref, model::LabelsView labels) override {
    const uint64_t n = static_cast<uint64_t>(ref);
    if (n == 0 || n > RefTable::kMaxRef) return Damaged(fmt::format("series ref {}", n));
    if (labels.size() > std::numeric_limits<uint16_t>::max()) return Damaged("too many labels");
    const base::Hash128 hash = parts_->Hash(labels);
    MemSeries* series = parts_->map.Find(ref);
    if (series != nullptr) {
      if (series->hash != hash) return Damaged(fmt::format("series ref {} given twice", n));
      series->logged_in.store(segment_ + 1, std::memory_order_relaxed);
      return;
    }
    uint64_t next = parts_->next_ref.load();
    while (next <= n && !parts_->next_ref.compare_exchange_weak(next, n + 1)) {
    }
    if (MemSeries* other = parts_->map.Find(hash)) return Alias(ref, other);
    bool made = false;
    const auto make = [&] {
      made = true;
      return parts_->NewSeries(ref, hash, labels);
    };
    series = parts_->map.FindOrCreate(hash, make, [](MemSeries*) {});
    if (!made) return Alias(ref, series);  // By a commit, this very moment.
    series->logged_in.store(segment_ + 1, std::memory_order_relaxed);
    created_.push_back(series);
    ++stats_->series;
  }

  void OnSample(SeriesRef ref, model::Sample sample, model::TimeMs start) override {
    Take(ref, {sample, 0, nullptr, start});
  }
  void OnHistogram(SeriesRef ref, model::TimeMs t, model::AnyHistogram h,
                   model::TimeMs start) override {
    Take(ref, FromHistogram(t, std::move(h), start));
  }
  void OnMaybeLate(SeriesRef ref, model::Sample sample, model::TimeMs start) override {
    TakeMaybeLate(ref, {sample, 0, nullptr, start});
  }
  void OnMaybeLateHistogram(SeriesRef ref, model::TimeMs t, model::AnyHistogram h,
                            model::TimeMs start) override {
    TakeMaybeLate(ref, FromHistogram(t, std::move(h), start));
  }

  void OnFlushed(SeriesRef ref, model::Sample newest) override {
    MemSeries* series = Find(ref);
    if (series == nullptr) {
      ++stats_->unknown_series;
      return;
    }
    absl::MutexLock lock(parts_->StripeOf(series->ref));
    if (newest.t > horizon_) return;  // As MemSeries::ComeBack.
    newest_flushed_ = std::max(newest_flushed_, newest.t);
    newest_ = std::max(newest_, newest.t);
    series->KnowFlushed(newest, &delta_);
  }

  void OnCut() override { cut_ = true; }

  void OnExemplar(SeriesRef ref, model::Exemplar exemplar) override {
    if (MemSeries* series = Find(ref)) {
      parts_->exemplars.AddReplayed(series->ref, std::move(exemplar));
    }
  }
  void OnFlushedExemplar(SeriesRef ref, model::Exemplar newest) override {
    if (MemSeries* series = Find(ref)) parts_->exemplars.AddFlushed(series->ref, std::move(newest));
  }
  void OnMetadata(model::FamilyMetadata entry) override { parts_->metadata.Add(std::move(entry)); }

 private:
  static constexpr int64_t kAnyAge = 1;  // A window; how wide does not matter here.
  // Many: when new series came since the start, each time lists are merged. Not all, for what a
  // listing takes, and as queries and new series wait for it.
  static constexpr size_t kListedAtOnce = 1 << 17;

  void ListCreated() {
    // Logs hold them as connections wrote them, older checkpoints by their labels; postings want
    // them in order of ref.
    std::sort(created_.begin(), created_.end(),
              [](const MemSeries* a, const MemSeries* b) { return a->ref < b->ref; });
    for (std::span<MemSeries* const> rest = created_; !rest.empty();) {
      const size_t n = std::min(rest.size(), kListedAtOnce);
      parts_->List(rest.first(n));
      rest = rest.subspan(n);
    }
    created_ = {};
  }

  static LateSample FromHistogram(model::TimeMs t, model::AnyHistogram h, model::TimeMs start) {
    const model::Sample sample{t, Fingerprint(h)};
    return {sample, 0, std::make_shared<const model::AnyHistogram>(std::move(h)), start};
  }

  // In order, if it can be.
  bool Append(MemSeries* series, const LateSample& s) {
    const bool appended = s.histogram == nullptr
                              ? series->Append(s.sample, 0, {}, &delta_)
                              : series->AppendHistogram(s.sample, *s.histogram, 0, {}, &delta_);
    if (appended && (s.start != 0 || series->has_starts)) series->NoteStart(s.start, &delta_);
    return appended;
  }

  void Take(SeriesRef ref, LateSample s) {
    MemSeries* series = Find(ref);
    if (series == nullptr) {
      ++stats_->unknown_series;
      return;
    }
    absl::MutexLock lock(parts_->StripeOf(series->ref));
    const model::TimeMs t = s.sample.t;
    if (!Append(series, s)) {
      // Perhaps it is in a block; unless what is newer came just now. After a cut it is in none, and
      // was overtaken on the way from the log to the head.
      const bool may_be_new = cut_ || series->HasCommits();
      if (!may_be_new || series->Judge(s.sample, {}).repeat) return;
      series->AppendLate(std::move(s), &delta_);
    }
    Saw(t);
    ++stats_->samples;
  }

  void TakeMaybeLate(SeriesRef ref, LateSample s) {
    MemSeries* series = Find(ref);
    if (series == nullptr) {
      ++stats_->unknown_series;
      return;
    }
    absl::MutexLock lock(parts_->StripeOf(series->ref));
    TimeRules rules = TimeRules::For(newest_, kAnyAge);
    rules.min_late = kNoTime;
    const model::TimeMs t = s.sample.t;
    if (t < rules.min_in_order || !Append(series, s)) {
      if (!series->Judge(s.sample, rules).late) return;
      series->AppendLate(std::move(s), &delta_);
    }
    Saw(t);
    ++stats_->samples;
  }

  void Saw(model::TimeMs t) {
    times_.Extend(t);
    if (t <= horizon_) newest_ = std::max(newest_, t);
  }
  // The series was forgotten and came again, or came since the start: it has another ref.
  void Alias(SeriesRef ref, MemSeries* series) {
    absl::MutexLock lock(&parts_->aliases_mu);
    parts_->aliases[ref] = series;
  }
  MemSeries* Find(SeriesRef ref) const {
    if (MemSeries* series = parts_->map.Find(ref)) return series;
    absl::ReaderMutexLock lock(&parts_->aliases_mu);
    const auto it = parts_->aliases.find(ref);
    return it == parts_->aliases.end() ? nullptr : it->second;
  }

  Head::Parts* const parts_;
  const GatePass pass_;  // Keeps alive what aliases point to.
  const model::TimeMs horizon_;
  ReplayStats* const stats_;
  uint32_t segment_ = 0;
  bool cut_ = false;  // No block has anything of the segments.
  std::vector<MemSeries*> created_;  // Not listed yet.
  HeadDelta delta_;  // Of the record.
  model::TimeRange times_ = model::TimeRange::None();
  model::TimeMs newest_flushed_ = kNoTime;
  model::TimeMs newest_ = kNoTime;  // Of all up to the horizon.
};

Replayer::Replayer(Head::Parts* parts, ReplayStats* stats)
    : impl_(std::make_unique<Impl>(parts, stats)) {}
Replayer::~Replayer() = default;
void Replayer::Apply(std::string_view record, uint32_t segment) { impl_->Apply(record, segment); }
void Replayer::Damaged(std::string reason) { impl_->Damaged(std::move(reason)); }
void Replayer::ListNew() { impl_->ListNew(); }
void Replayer::OnCut() { impl_->OnCut(); }

namespace {

// Tells how far it is, in bytes of the log, and whether to go on.
using Watch = std::function<bool(const wal::Reader&)>;

// `checkpoint`: its records count as logged in the segment it stands before.
absl::Status ReadAll(const std::string& dir, uint32_t first, uint32_t end,
                     std::optional<uint32_t> checkpoint, const Watch& watch, Replayer* replayer) {
  ASSIGN_OR_RETURN(const std::unique_ptr<wal::Reader> reader, wal::Reader::Open(dir, first, end));
  reader->OnDamage([&](const wal::Damage& damage) {
    replayer->Damaged(fmt::format("{}{} at {}: {}", checkpoint ? "checkpoint " : "segment ",
                                  checkpoint.value_or(damage.from.segment), damage.from.offset,
                                  damage.reason));
  });
  std::string_view record;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, reader->Next(&record));
    if (!more) return absl::OkStatus();
    if (!watch(*reader)) return base::Cancelled("reading the log was stopped");
    replayer->Apply(record, checkpoint.value_or(reader->position().segment));
  }
}

// How many bytes of the log lie before each segment from `first` up to `end`.
struct LogSize {
  std::map<uint32_t, uint64_t> before;
  uint64_t bytes = 0;
};
absl::StatusOr<LogSize> SizeOf(const std::string& dir, uint32_t first, uint32_t end) {
  ASSIGN_OR_RETURN(const std::vector<wal::Segment> segments, wal::ListSegments(dir));
  LogSize size;
  for (const wal::Segment& segment : segments) {
    if (segment.number < first || segment.number >= end) continue;
    size.before[segment.number] = size.bytes;
    size.bytes += segment.bytes;
  }
  return size;
}

}  // namespace

absl::StatusOr<ReplayStats> ReplayLog(const std::string& log_dir, uint32_t watermark,
                                      uint32_t end_segment,
                                      const std::function<bool(const ReplayProgress&)>& progress,
                                      Head::Parts* parts) {
  constexpr uint64_t kRecordsBetweenLooks = 256;
  const auto start = std::chrono::steady_clock::now();
  ReplayStats stats;
  Replayer replayer(parts, &stats);
  ReplayProgress now{.min = watermark, .max = watermark, .current = watermark};
  const auto look = [&] {
    now.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return !progress || progress(now);
  };
  const auto sometimes = [&] { return stats.records % kRecordsBetweenLooks != 0 || look(); };

  ASSIGN_OR_RETURN(const auto checkpoint, wal::FindCheckpoint(log_dir, watermark));
  ASSIGN_OR_RETURN(const LogSize log, SizeOf(log_dir, watermark, end_segment));
  now.total_bytes = log.bytes;
  uint64_t checkpoint_bytes = 0;
  if (checkpoint) {
    ASSIGN_OR_RETURN(const LogSize size, SizeOf(checkpoint->dir, 0, UINT32_MAX));
    checkpoint_bytes = size.bytes;
    now.total_bytes += checkpoint_bytes;
    const auto watch = [&](const wal::Reader& reader) {
      const auto before = size.before.find(reader.position().segment);
      if (before != size.before.end()) now.read_bytes = before->second + reader.position().offset;
      return sometimes();
    };
    RETURN_IF_ERROR(ReadAll(checkpoint->dir, 0, UINT32_MAX, watermark, watch, &replayer));
    replayer.ListNew();
  } else {
    if (watermark > 0) replayer.Damaged(fmt::format("checkpoint {} is missing", watermark));
    replayer.OnCut();  // There was no flush.
  }
  bool begun = false;
  const auto watch = [&](const wal::Reader& reader) {
    const uint32_t segment = reader.position().segment;
    if (const auto before = log.before.find(segment); before != log.before.end()) {
      now.read_bytes = checkpoint_bytes + before->second + reader.position().offset;
    }
    if (begun && segment == now.current) return sometimes();
    if (begun) replayer.ListNew();
    now.min = reader.first_segment();
    now.max = reader.last_segment();
    now.current = segment;
    begun = true;
    return look();
  };
  RETURN_IF_ERROR(ReadAll(log_dir, watermark, end_segment, std::nullopt, watch, &replayer));
  replayer.ListNew();
  now.current = now.max;
  now.done = true;
  now.read_bytes = now.total_bytes;
  look();
  stats.seconds = now.seconds;
  return stats;
}

}  // namespace storage
