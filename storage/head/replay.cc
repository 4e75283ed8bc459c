#include "storage/head/replay.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "storage/base/status.h"
#include "storage/head/record.h"
#include "wal/reader.h"

namespace storage {

class Replayer::Impl final : public RecordReader {
 public:
  Impl(Head::Parts* parts, ReplayStats* stats) : parts_(parts), stats_(stats) {}

  void Apply(std::string_view record, uint32_t segment) {
    segment_ = segment;
    ++stats_->records;
    if (absl::Status status = ReadRecord(record, this); !status.ok()) {
      Damaged(std::string(base::message(status)));
    }
  }

  void Damaged(std::string reason) {
    ++stats_->damaged;
    if (stats_->first_damage.empty()) stats_->first_damage = std::move(reason);
  }

  void Finish() {
    // The log holds them as connections wrote them; postings want them in order of ref.
    std::sort(created_.begin(), created_.end(),
              [](const MemSeries* a, const MemSeries* b) { return a->ref < b->ref; });
    parts_->List(created_);
    created_.clear();
    parts_->Count(delta_);
    parts_->SawTimes(times_);
    delta_ = {};
    if (newest_flushed_ != kNoTime) {  // Not in memory, but the head has been that far.
      model::TimeMs seen = parts_->max_time.load();
      parts_->max_time.store(std::max(seen, newest_flushed_));
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
    if (parts_->next_ref.load() <= n) parts_->next_ref.store(n + 1);
    if (MemSeries* other = parts_->map.Find(hash)) {  // Forgotten and come again under a new ref.
      aliases_[ref] = other;
      return;
    }
    series = parts_->map.FindOrCreate(
        hash, [&] { return parts_->NewSeries(ref, hash, labels); }, [](MemSeries*) {});
    series->logged_in.store(segment_ + 1, std::memory_order_relaxed);
    created_.push_back(series);
    ++stats_->series;
  }

  void OnSample(SeriesRef ref, model::Sample sample) override {
    MemSeries* series = Find(ref);
    if (series == nullptr) {
      ++stats_->unknown_series;
      return;
    }
    const int64_t before = delta_.samples;
    absl::MutexLock lock(parts_->StripeOf(series->ref));
    series->Append(sample, 0, 0, &delta_);  // What is not newer is in a block, or was refused then.
    if (delta_.samples > before) {
      times_.Extend(sample.t);
      ++stats_->samples;
    }
  }

  // What is in a block already, since the flush had passed, may come again as late; it merges away.
  void OnMaybeLate(SeriesRef ref, model::Sample sample) override {
    MemSeries* series = Find(ref);
    if (series == nullptr) {
      ++stats_->unknown_series;
      return;
    }
    absl::MutexLock lock(parts_->StripeOf(series->ref));
    TimeRules rules = TimeRules::For(std::max(times_.max, newest_flushed_), kAnyAge);
    rules.min_late = kNoTime;
    if (sample.t < rules.min_in_order || !series->Append(sample, 0, 0, &delta_)) {
      if (!series->Judge(sample, rules).late) return;
      series->AppendLate(sample, 0, &delta_);
    }
    times_.Extend(sample.t);
    ++stats_->samples;
  }

  void OnFlushed(SeriesRef ref, model::Sample newest) override {
    MemSeries* series = Find(ref);
    if (series == nullptr) {
      ++stats_->unknown_series;
      return;
    }
    absl::MutexLock lock(parts_->StripeOf(series->ref));
    newest_flushed_ = std::max(newest_flushed_, newest.t);
    if (newest.t <= series->last_t.load(std::memory_order_relaxed)) return;
    series->last_t.store(newest.t, std::memory_order_relaxed);
    series->last_v = newest.v;
  }

  void OnExemplar(SeriesRef ref, model::Exemplar exemplar) override {
    if (MemSeries* series = Find(ref)) parts_->exemplars.Add(series->ref, std::move(exemplar));
  }

 private:
  static constexpr int64_t kAnyAge = 1;  // A window; how wide does not matter here.

  MemSeries* Find(SeriesRef ref) const {
    if (MemSeries* series = parts_->map.Find(ref)) return series;
    const auto it = aliases_.find(ref);
    return it == aliases_.end() ? nullptr : it->second;
  }

  Head::Parts* const parts_;
  ReplayStats* const stats_;
  uint32_t segment_ = 0;
  absl::flat_hash_map<SeriesRef, MemSeries*> aliases_;
  std::vector<MemSeries*> created_;  // Listed at the end, all at once.
  HeadDelta delta_;
  model::TimeRange times_ = model::TimeRange::None();
  model::TimeMs newest_flushed_ = kNoTime;
};

Replayer::Replayer(Head::Parts* parts, ReplayStats* stats)
    : impl_(std::make_unique<Impl>(parts, stats)) {}
Replayer::~Replayer() = default;
void Replayer::Apply(std::string_view record, uint32_t segment) { impl_->Apply(record, segment); }
void Replayer::Damaged(std::string reason) { impl_->Damaged(std::move(reason)); }
void Replayer::Finish() { impl_->Finish(); }

namespace {

// `checkpoint`: its records count as logged in the segment it stands before.
absl::Status ReadAll(const std::string& dir, uint32_t first, std::optional<uint32_t> checkpoint,
                     const std::function<void(const ReplayProgress&)>& progress,
                     Replayer* replayer) {
  ASSIGN_OR_RETURN(const std::unique_ptr<wal::Reader> reader, wal::Reader::Open(dir, first));
  reader->OnDamage([&](const wal::Damage& damage) {
    replayer->Damaged(fmt::format("{}{} at {}: {}", checkpoint ? "checkpoint " : "segment ",
                                  checkpoint.value_or(damage.from.segment), damage.from.offset,
                                  damage.reason));
  });
  ReplayProgress now{reader->first_segment(), reader->last_segment(), reader->first_segment(),
                     false};
  if (!checkpoint && progress) progress(now);
  std::string_view record;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, reader->Next(&record));
    if (!more) return absl::OkStatus();
    const uint32_t segment = reader->position().segment;
    if (!checkpoint && segment != now.current) {
      now.current = segment;
      if (progress) progress(now);
    }
    replayer->Apply(record, checkpoint.value_or(segment));
  }
}

}  // namespace

absl::StatusOr<ReplayStats> ReplayLog(const std::string& log_dir, uint32_t watermark,
                                      const std::function<void(const ReplayProgress&)>& progress,
                                      Head::Parts* parts) {
  const auto start = std::chrono::steady_clock::now();
  ReplayStats stats;
  Replayer replayer(parts, &stats);
  ASSIGN_OR_RETURN(const auto checkpoint, wal::FindCheckpoint(log_dir, watermark));
  if (checkpoint) {
    RETURN_IF_ERROR(ReadAll(checkpoint->dir, 0, watermark, nullptr, &replayer));
  }
  ReplayProgress last;
  RETURN_IF_ERROR(ReadAll(log_dir, watermark, std::nullopt,
                          [&](const ReplayProgress& now) {
                            last = now;
                            if (progress) progress(now);
                          },
                          &replayer));
  replayer.Finish();
  last.current = last.max;
  last.done = true;
  if (progress) progress(last);
  stats.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return stats;
}

}  // namespace storage
