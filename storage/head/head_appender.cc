#include "storage/head/head_appender.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "storage/base/status.h"
#include "storage/head/histogram_bytes.h"

namespace storage {
namespace {

// Fetches a series before it is needed.
void Prefetch(const MemSeries* series) {
  const char* p = reinterpret_cast<const char*>(series);
  __builtin_prefetch(p);
  __builtin_prefetch(p + 64);
  __builtin_prefetch(p + 128);
}

// Kept from batch to batch, one per thread: no allocation in the steady state.
thread_local RecordWriter record_writer;
constexpr size_t kKeptRecordBytes = 4 << 20;

// Nothing counted yet, in a layout that needs no new chunk.
model::AnyHistogram ZeroLike(const model::AnyHistogram& value) {
  return std::visit(
      [](const auto& h) -> model::AnyHistogram {
        std::decay_t<decltype(h)> zero;
        zero.hint = model::ResetHint::kReset;
        zero.schema = h.schema;
        zero.zero_threshold = h.zero_threshold;
        zero.custom_values = h.custom_values;
        return zero;
      },
      value);
}

// Starts of the samples from `begin` to `end`, one after the other.
class StartCursor {
 public:
  explicit StartCursor(const std::vector<PlacedStart>& starts) : starts_(starts) {}
  model::TimeMs At(size_t place) {
    if (next_ == starts_.size() || starts_[next_].place != place) return 0;
    return starts_[next_++].start;
  }
  // Those of places in [begin, end), as they lie in a section; *out is replaced.
  void Take(size_t begin, size_t end, std::vector<PlacedStart>* out) {
    out->clear();
    for (; next_ < starts_.size() && starts_[next_].place < end; ++next_) {
      out->push_back({static_cast<uint32_t>(starts_[next_].place - begin), starts_[next_].start});
    }
  }

 private:
  const std::vector<PlacedStart>& starts_;
  size_t next_ = 0;
};

}  // namespace

HeadAppender::HeadAppender(Head::Parts* parts)
    : parts_(parts),
      pass_(&parts->gate),
      rules_(parts->Rules()),
      keeps_starts_(parts->options.store_starts || parts->options.starts_as_zero) {}

HeadAppender::~HeadAppender() = default;

void HeadAppender::Rejected::Add(Outcome outcome) {
  out_of_order += outcome == Outcome::kOutOfOrder;
  out_of_bounds += outcome == Outcome::kOutOfBounds;
  duplicates += outcome == Outcome::kDuplicate;
  too_old += outcome == Outcome::kTooOld;
}

// Holds the series back from being forgotten while this Appender lives. False when it is too late.
// The order of store and load mirrors the one in DropFlushed: one of the two sees the other.
bool HeadAppender::Touch(MemSeries* series) {
  if (series->touched.load(std::memory_order_relaxed) >= pass_.generation()) return true;
  series->touched.store(pass_.generation(), std::memory_order_seq_cst);
  return !series->dead.load(std::memory_order_seq_cst);
}

MemSeries* HeadAppender::Create(const base::Hash128& hash, model::LabelsView labels,
                                Outcome* refused) {
  if (!model::Labels::Valid(labels.bytes()) ||
      labels.size() > std::numeric_limits<uint16_t>::max()) {
    *refused = Outcome::kInvalidLabels;
    return nullptr;
  }
  const auto make = [&]() -> MemSeries* {
    absl::MutexLockMaybe one_by_one(parts_->limits.serial());
    if (parts_->limits.Refuse(labels, parts_->map.size())) {
      *refused = Outcome::kLimited;
      return nullptr;
    }
    const SeriesRef ref{parts_->next_ref.fetch_add(1, std::memory_order_relaxed)};
    MemSeries* series = parts_->NewSeries(ref, hash, labels);
    series->touched.store(pass_.generation(), std::memory_order_relaxed);
    return series;
  };
  // Under the shard's lock nobody is about to forget it.
  return parts_->map.FindOrCreate(hash, make, [&](MemSeries* series) { Touch(series); });
}

MemSeries* HeadAppender::Resolve(SeriesRef hint, model::LabelsView labels, Outcome* refused) {
  if (hint != SeriesRef::kNone) {
    MemSeries* series = parts_->map.Find(hint);
    if (series != nullptr && Touch(series)) return series;
  }
  if (labels.empty()) {
    *refused = Outcome::kInvalidLabels;
    return nullptr;
  }
  const base::Hash128 hash = parts_->Hash(labels);
  MemSeries* series = parts_->map.Find(hash);
  if (series != nullptr && Touch(series)) return series;
  return Create(hash, labels, refused);
}

// Whether any series may take it; spares the lookup.
bool HeadAppender::MayBeTaken(model::Sample sample) {
  if (sample.t != kNoTime && (sample.t >= rules_.min_in_order || rules_.window_ms > 0)) return true;
  rejected_.Add(Outcome::kOutOfBounds);
  return false;
}

bool HeadAppender::InOrder(const MemSeries* series, model::TimeMs t) {
  rules_.Saw(t);
  return t > series->last_t.load(std::memory_order_relaxed) && t >= rules_.min_in_order;
}

Verdict HeadAppender::Judge(MemSeries* series, model::Sample sample) {
  absl::MutexLock lock(parts_->StripeOf(series->ref));
  const Verdict verdict = series->Judge(sample, rules_);
  if (verdict.outcome != Outcome::kAccepted) rejected_.Add(verdict.outcome);
  return verdict;
}

// As Prometheus: best effort, and a start that the series has passed already is the usual case.
bool HeadAppender::WantsZero(const MemSeries* series, model::TimeMs t) {
  if (!parts_->options.starts_as_zero || start_ >= t || start_ < rules_.min_in_order ||
      start_ <= series->last_t.load(std::memory_order_relaxed)) {
    return false;
  }
  const auto it = newest_started_.find(series);
  return it == newest_started_.end() || start_ > it->second;
}

void HeadAppender::NoteStart(const MemSeries* series, model::TimeMs t, size_t place,
                             std::vector<PlacedStart>* starts) {
  if (parts_->options.store_starts) starts->push_back({static_cast<uint32_t>(place), start_});
  if (!parts_->options.starts_as_zero) return;
  model::TimeMs& newest = newest_started_.try_emplace(series, t).first->second;
  newest = std::max(newest, t);
}

Appended HeadAppender::AppendTo(MemSeries* series, model::Sample sample) {
  if (!InOrder(series, sample.t)) {
    const Verdict verdict = Judge(series, sample);
    if (verdict.outcome != Outcome::kAccepted || verdict.repeat) {
      return {series->ref, verdict.outcome};
    }
  }
  if (!histograms_.empty() && with_histogram_.contains(series)) EndPart();
  Prefetch(series);
  if (start_ != 0) [[unlikely]] {
    if (WantsZero(series, sample.t)) samples_.push_back({series, {start_, 0}});
    NoteStart(series, sample.t, samples_.size(), &starts_);
  }
  samples_.push_back({series, sample});
  return {series->ref, Outcome::kAccepted};
}

void HeadAppender::EndPart() {
  parts_of_batch_.push_back({samples_.size(), histograms_.size()});
  with_histogram_.clear();
}

Appended HeadAppender::AppendHistogram(SeriesRef hint, model::LabelsView labels, model::TimeMs t,
                                       model::AnyHistogram value) {
  if (!model::Validate(value).ok()) return {hint, Outcome::kInvalidHistogram};
  const model::Sample sample{t, Fingerprint(value)};
  if (!MayBeTaken(sample)) return {hint, Outcome::kOutOfBounds};
  Outcome refused = Outcome::kAccepted;
  MemSeries* series = Resolve(hint, labels, &refused);
  if (series == nullptr) return {SeriesRef::kNone, refused};
  if (!InOrder(series, t)) {
    const Verdict verdict = Judge(series, sample);
    if (verdict.outcome != Outcome::kAccepted || verdict.repeat) {
      return {series->ref, verdict.outcome};
    }
  }
  if (start_ != 0) {
    if (WantsZero(series, t)) {
      model::AnyHistogram zero = ZeroLike(value);
      const model::Sample at_start{start_, Fingerprint(zero)};
      histograms_.push_back(
          {series, at_start, std::make_shared<const model::AnyHistogram>(std::move(zero))});
    }
    NoteStart(series, t, histograms_.size(), &histogram_starts_);
  }
  histograms_.push_back(
      {series, sample, std::make_shared<const model::AnyHistogram>(std::move(value))});
  with_histogram_.insert(series);
  return {series->ref, Outcome::kAccepted};
}

Appended HeadAppender::Append(SeriesRef hint, model::LabelsView labels, model::Sample sample) {
  if (!MayBeTaken(sample)) return {hint, Outcome::kOutOfBounds};
  Outcome refused = Outcome::kAccepted;
  MemSeries* series = Resolve(hint, labels, &refused);
  if (series == nullptr) return {SeriesRef::kNone, refused};
  return AppendTo(series, sample);
}

SeriesKey HeadAppender::Key(std::string_view wire_labels) {
  const base::Hash128 hash = parts_->HashWire(wire_labels);
  parts_->map.Prefetch(hash);
  base::Hash128& earlier = keys_[num_keys_ % kKeysAhead];
  if (num_keys_++ >= kKeysAhead) parts_->map.PrefetchSeries(earlier);
  earlier = hash;
  return {hash};
}

Appended HeadAppender::AppendKnown(const SeriesKey& key, model::Sample sample) {
  MemSeries* series = parts_->map.Find(key.hash);
  if (series == nullptr || !Touch(series)) return {SeriesRef::kNone, Outcome::kInvalidLabels};
  if (!MayBeTaken(sample)) return {series->ref, Outcome::kOutOfBounds};
  return AppendTo(series, sample);
}

SeriesRef HeadAppender::Find(model::LabelsView labels) {
  MemSeries* series = labels.empty() ? nullptr : parts_->map.Find(parts_->Hash(labels));
  return series != nullptr && Touch(series) ? series->ref : SeriesRef::kNone;
}

bool HeadAppender::AppendExemplar(SeriesRef ref, const model::Exemplar& exemplar) {
  MemSeries* series = parts_->map.Find(ref);
  if (series == nullptr || !Touch(series)) return false;
  const auto verdict = parts_->exemplars.Judge(ref, exemplar, rules_.window_ms);
  if (verdict == ExemplarRing::Verdict::kNew) exemplars_.push_back({series, exemplar});
  return verdict != ExemplarRing::Verdict::kRefused;
}

bool HeadAppender::UpdateMetadata(std::string_view family, const model::MetadataView& metadata) {
  if (!parts_->metadata.MayHold(family, metadata)) return true;
  const model::TimeMs now = parts_->options.clock->NowMs();
  if (parts_->metadata.Heard(family, metadata, now)) return true;
  metadata_.push_back({std::string(family),
                       {metadata.type, std::string(metadata.help), std::string(metadata.unit)},
                       now});
  return false;
}

std::vector<MemSeries*> HeadAppender::ToBeLogged(uint32_t segment) const {
  std::vector<MemSeries*> series;
  const bool covered = segment == parts_->cut_segment.load(std::memory_order_relaxed);
  const auto look = [&](MemSeries* s) {
    const uint32_t logged_in = s->logged_in.load(std::memory_order_relaxed);
    if (logged_in == 0 || (!covered && logged_in <= segment) ||
        !s->listed.load(std::memory_order_relaxed)) {
      series.push_back(s);
    }
  };
  for (const Pending& pending : samples_) look(pending.series);
  for (const PendingHistogram& pending : histograms_) look(pending.series);
  for (const PendingExemplar& pending : exemplars_) look(pending.series);
  const auto by_ref = [](const MemSeries* a, const MemSeries* b) { return a->ref < b->ref; };
  if (!std::is_sorted(series.begin(), series.end(), by_ref)) {
    std::sort(series.begin(), series.end(), by_ref);
  }
  series.erase(std::unique(series.begin(), series.end()), series.end());
  return series;
}

absl::Status HeadAppender::WriteLog(wal::Writer* log, std::span<MemSeries* const> series) {
  RecordWriter& record = record_writer;
  record.Clear();
  if (!series.empty()) {
    record.BeginSeries(series.size());
    std::vector<std::string_view> pairs;
    for (const MemSeries* s : series) {
      pairs.clear();
      for (const PairId id : s->pairs) pairs.push_back(parts_->index.bytes(id));
      record.AddSeries(s->ref, pairs);
    }
  }
  // What comes while the old log is read is judged without it: older samples may be taken.
  const bool late = rules_.MayBeLate() || parts_->replaying;
  size_t i = 0, k = 0;
  StartCursor starts(starts_), histogram_starts(histogram_starts_);
  std::vector<PlacedStart> placed;
  for (const Part& part : parts_of_batch_) {
    if (const size_t n = part.floats_end - i; n > 0) {
      starts.Take(i, part.floats_end, &placed);
      if (!placed.empty()) record.AddStarts(placed);
      late ? record.BeginMaybeLate(n) : record.BeginSamples(n);
    }
    for (; i < part.floats_end; ++i) record.AddSample(samples_[i].series->ref, samples_[i].sample);
    if (const size_t n = part.histograms_end - k; n > 0) {
      histogram_starts.Take(k, part.histograms_end, &placed);
      if (!placed.empty()) record.AddStarts(placed);
      late ? record.BeginMaybeLateHistograms(n) : record.BeginHistograms(n);
    }
    for (; k < part.histograms_end; ++k) {
      const PendingHistogram& pending = histograms_[k];
      record.AddHistogram(pending.series->ref, pending.sample.t, *pending.value);
    }
  }
  if (!exemplars_.empty()) {
    record.BeginExemplars(exemplars_.size());
    for (const auto& pending : exemplars_) {
      record.AddExemplar(pending.series->ref, pending.exemplar);
    }
  }
  if (!metadata_.empty()) {
    record.BeginMetadata(metadata_.size());
    for (const model::FamilyMetadata& entry : metadata_) record.AddMetadata(entry);
  }
  const std::string_view bytes = record.record();
  const absl::Status status = log->Append({&bytes, 1});
  if (record.size() > kKeptRecordBytes) record = RecordWriter();
  return status;
}

absl::Status HeadAppender::Commit() {
  if (done_) return base::FailedPrecondition("Commit was called already");
  done_ = true;
  if (Admission* admission = parts_->options.admission) {
    RETURN_IF_ERROR(admission->CheckCommit(samples_.size() + histograms_.size()));
  }
  EndPart();
  absl::ReaderMutexLock lock(&parts_->commit_mu);
  if (!empty()) {
    wal::Writer* log = parts_->log.load(std::memory_order_acquire);
    const uint32_t segment = log == nullptr ? 0 : log->stats().segment;
    const std::vector<MemSeries*> series = ToBeLogged(segment);
    if (log != nullptr) RETURN_IF_ERROR(WriteLog(log, series));
    for (MemSeries* s : series) s->logged_in.store(segment + 1, std::memory_order_relaxed);
    std::vector<MemSeries*> unlisted;
    for (MemSeries* s : series) {
      if (!s->listed.load(std::memory_order_relaxed)) unlisted.push_back(s);
    }
    if (!unlisted.empty()) parts_->List(unlisted);
    Apply();
  }
  parts_->out_of_order.Add(rejected_.out_of_order);
  parts_->out_of_bounds.Add(rejected_.out_of_bounds);
  parts_->duplicates.Add(rejected_.duplicates);
  parts_->too_old.Add(rejected_.too_old);
  return absl::OkStatus();
}

model::TimeRange HeadAppender::Times() const {
  model::TimeRange times = model::TimeRange::None();
  for (const Pending& pending : samples_) times.Extend(pending.sample.t);
  for (const PendingHistogram& pending : histograms_) times.Extend(pending.sample.t);
  return times;
}

void HeadAppender::Apply() {
  if (!samples_.empty() || !histograms_.empty()) {
    const ChangeLog::Change change(parts_->options.changes, Times(),
                                   ChangeLog::Change::Kind::kSamples);
    const CommitSeq seq = parts_->isolation.Begin();
    ApplySamples(seq);
    parts_->isolation.End(seq);
  }
  for (PendingExemplar& pending : exemplars_) {
    const SeriesRef ref = pending.series->ref;
    const auto verdict =
        parts_->exemplars.Add(ref, std::move(pending.exemplar), rules_.window_ms);
    if (verdict == ExemplarRing::Verdict::kNew) parts_->exemplars_appended.Add();
  }
  for (model::FamilyMetadata& entry : metadata_) parts_->metadata.Add(std::move(entry));
}

void HeadAppender::ApplySamples(CommitSeq seq) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  constexpr size_t kAhead = 6;
  const CommitHorizon horizon = parts_->isolation.horizon();
  HeadDelta delta;
  model::TimeRange times = model::TimeRange::None();
  absl::Mutex* held = nullptr;  // Kept while the samples that follow need the same.
  const auto hold = [&](const MemSeries* series) {
    absl::Mutex* stripe = parts_->StripeOf(series->ref);
    if (stripe == held) return;
    if (held != nullptr) held->Unlock();
    stripe->Lock();
    held = stripe;
  };
  // Late, or overtaken since it was judged.
  const auto append_late = [&](MemSeries* series, model::Sample sample, HistogramPtr histogram,
                               model::TimeMs start) {
    const Verdict verdict = series->Judge(sample, rules_);
    rejected_.Add(verdict.outcome);
    if (!verdict.late) return;
    series->AppendLate({sample, seq, std::move(histogram), start}, &delta);
    times.Extend(sample.t);
  };
  StartCursor starts(starts_), histogram_starts(histogram_starts_);
  size_t i = 0, k = 0;
  for (const Part& part : parts_of_batch_) {
    for (; i < part.floats_end; ++i) {
      if (i + kAhead < samples_.size()) Prefetch(samples_[i + kAhead].series);
      const auto& [series, sample] = samples_[i];
      hold(series);
      const model::TimeMs start = starts.At(i);
      if (sample.t >= rules_.min_in_order && series->Append(sample, seq, horizon, &delta)) {
        if (start != 0 || series->has_starts) [[unlikely]] series->NoteStart(start, &delta);
        times.Extend(sample.t);
      } else {
        append_late(series, sample, nullptr, start);
      }
    }
    for (; k < part.histograms_end; ++k) {
      const auto& [series, sample, value] = histograms_[k];
      hold(series);
      const model::TimeMs start = histogram_starts.At(k);
      if (sample.t >= rules_.min_in_order &&
          series->AppendHistogram(sample, *value, seq, horizon, &delta)) {
        if (start != 0 || series->has_starts) series->NoteStart(start, &delta);
        times.Extend(sample.t);
      } else {
        append_late(series, sample, value, start);
      }
    }
  }
  if (held != nullptr) held->Unlock();
  parts_->samples_appended.Add(static_cast<uint64_t>(delta.samples));
  parts_->late_appended.Add(static_cast<uint64_t>(delta.late));
  // A chunk may also have been sealed; `samples` counts only what came in.
  parts_->Count(delta);
  parts_->SawTimes(times);
}

}  // namespace storage
