// The head's side of a flush: cut, give out, checkpoint, drop. The order of steps is in head.h.
#include <algorithm>
#include <map>
#include <utility>

#include "storage/base/status.h"
#include "storage/head/flush_cursors.h"
#include "storage/head/head.h"
#include "storage/head/head_parts.h"
#include "storage/head/record.h"
#include "storage/model/time_windows.h"

namespace storage {
namespace {

constexpr size_t kSeriesPerRecord = 2048;
constexpr size_t kExemplarsPerRecord = 1024;
constexpr size_t kMetadataPerRecord = 512;

// The newest sample of `series` that every restart from the checkpoint can know: the last flushed
// one. Samples after it are in the segments that follow. False when none is known.
bool LastFlushed(Head::Parts* parts, const MemSeries& series, const Head::Parts::Given& given,
                 model::Sample* last) {
  absl::MutexLock lock(parts->StripeOf(series.ref));
  // What replay has yet to bring may be older than what came since.
  if (parts->replaying && series.HasCommits()) return false;
  *last = given.last;
  if (given.samples > 0) return true;
  // All of it came after the cut: what was before is not remembered.
  if (series.num_sealed() > 0 || series.HasOpen()) return false;
  *last = {series.last_t.load(std::memory_order_relaxed), series.last_v};
  return last->t != kNoTime;
}

// Fills in Given::by_ref. What they are to hold later is the room to sort in.
void OrderByRef(std::span<MemSeries* const> series, std::vector<Head::Parts::Given>* given) {
  given->assign(series.size(), {});
  for (uint32_t i = 0; i < series.size(); ++i) {
    (*given)[i].by_ref = i;
    (*given)[i].last.t = static_cast<int64_t>(series[i]->ref);
  }
  std::sort(given->begin(), given->end(),
            [](const auto& a, const auto& b) { return a.last.t < b.last.t; });
  for (Head::Parts::Given& g : *given) g.last = {};
}

class CheckpointSession {
 public:
  CheckpointSession(Head::Parts* parts, wal::CheckpointWriter* out) : parts_(parts), out_(out) {}

  absl::Status WriteSeries() {
    // Amid replay blocks have some of the old log that stays.
    if (!parts_->replaying) {
      record_.Clear();
      record_.AddCut();
      RETURN_IF_ERROR(Write());
    }
    // In the order in which they were made: the next start makes them so, and what comes together
    // lies together in memory.
    const std::span<const Head::Parts::Given> all = parts_->flush_given;
    for (size_t i = 0; i < all.size(); i += kSeriesPerRecord) {
      RETURN_IF_ERROR(WriteBatch(all.subspan(i, std::min(kSeriesPerRecord, all.size() - i))));
    }
    return absl::OkStatus();
  }

  absl::Status WriteAliases() {
    std::vector<std::pair<SeriesRef, MemSeries*>> all;
    {
      absl::ReaderMutexLock lock(&parts_->aliases_mu);
      all.assign(parts_->aliases.begin(), parts_->aliases.end());
    }
    std::vector<std::string_view> pairs;
    for (size_t i = 0; i < all.size(); i += kSeriesPerRecord) {
      const size_t end = std::min(all.size(), i + kSeriesPerRecord);
      record_.Clear();
      record_.BeginSeries(end - i);
      for (size_t k = i; k < end; ++k) {
        pairs.clear();
        for (const PairId id : all[k].second->pairs) pairs.push_back(parts_->index.bytes(id));
        record_.AddSeries(all[k].first, pairs);
      }
      RETURN_IF_ERROR(Write());
    }
    return absl::OkStatus();
  }

  absl::Status WriteExemplars() {
    std::vector<std::pair<SeriesRef, model::Exemplar>> in_block, held;
    const auto take = [&](SeriesRef ref, const model::Exemplar& exemplar, bool given_out) {
      (given_out ? in_block : held).emplace_back(ref, exemplar);
    };
    parts_->exemplars.ForEachBeforeCut(take);
    for (const auto* list : {&in_block, &held}) {
      for (size_t i = 0; i < list->size(); i += kExemplarsPerRecord) {
        const size_t n = std::min(kExemplarsPerRecord, list->size() - i);
        record_.Clear();
        list == &held ? record_.BeginExemplars(n) : record_.BeginFlushedExemplars(n);
        for (size_t j = i; j < i + n; ++j) record_.AddExemplar((*list)[j].first, (*list)[j].second);
        RETURN_IF_ERROR(Write());
      }
    }
    return absl::OkStatus();
  }

  absl::Status WriteMetadata() {
    const std::vector<model::FamilyMetadata> all = parts_->metadata.List("", /*shown=*/false);
    for (size_t i = 0; i < all.size(); i += kMetadataPerRecord) {
      const size_t end = std::min(all.size(), i + kMetadataPerRecord);
      record_.Clear();
      record_.BeginMetadata(end - i);
      for (size_t k = i; k < end; ++k) record_.AddMetadata(all[k]);
      RETURN_IF_ERROR(Write());
    }
    return absl::OkStatus();
  }

 private:
  absl::Status WriteBatch(std::span<const Head::Parts::Given> batch) {
    std::vector<uint32_t> logged;
    for (const Head::Parts::Given& given : batch) {
      // What was never committed is not there yet; its commit will log it.
      const MemSeries& series = *parts_->flush_order[given.by_ref];
      if (series.logged_in.load(std::memory_order_relaxed) != 0) logged.push_back(given.by_ref);
    }
    if (logged.empty()) return absl::OkStatus();
    record_.Clear();
    record_.BeginSeries(logged.size());
    std::vector<std::string_view> pairs;
    std::vector<std::pair<SeriesRef, model::Sample>> lasts;
    for (const uint32_t place : logged) {
      const MemSeries* series = parts_->flush_order[place];
      pairs.clear();
      for (const PairId id : series->pairs) pairs.push_back(parts_->index.bytes(id));
      record_.AddSeries(series->ref, pairs);
      model::Sample last;
      if (LastFlushed(parts_, *series, parts_->flush_given[place], &last)) {
        lasts.emplace_back(series->ref, last);
      }
    }
    record_.BeginFlushed(lasts.size());
    for (const auto& [ref, last] : lasts) record_.AddSample(ref, last);
    return Write();
  }

  absl::Status Write() {
    const std::string_view bytes = record_.record();
    return out_->Append({&bytes, 1});
  }

  Head::Parts* const parts_;
  wal::CheckpointWriter* const out_;
  RecordWriter record_;
};

// One run of DropFlushed.
class Dropper {
 public:
  Dropper(Head::Parts* parts, model::TimeMs idle_before, const DeletedFromHead* deleted)
      : parts_(parts), idle_before_(idle_before), horizon_(parts->Horizon()) {
    if (deleted != nullptr) FindDeleted(*deleted);
  }

  // `flushed`: what the cursor gave out is in a block, and is dropped.
  void Run(bool flushed) {
    flushed_ = flushed;
    if (flushed_) parts_->exemplars.DropGivenOut();
    ChangeView();
    parts_->gate.Advance();
    oldest_inside_ = parts_->gate.oldest();
    with_exemplars_ = parts_->exemplars.WithoutBlock();  // Whoever adds more from here on is inside.
    parts_->min_time.store(std::numeric_limits<int64_t>::max());
    HeadDelta delta;
    if (flushed_) {
      for (size_t i = 0; i < parts_->flush_order.size(); ++i) {
        DropGiven(parts_->flush_order[i], parts_->flush_given[i].samples, &delta);
      }
    }
    parts_->map.ForEach([&](MemSeries* series) { LookAt(series, &delta); });
    parts_->Count(delta);
    Remove();
    FreeLimbo();
    if (!flushed_) return;
    parts_->flush_order = {};
    parts_->flush_given = {};
    parts_->flush_late = {};
  }

 private:
  void FindDeleted(const DeletedFromHead& deleted) {
    const GatePass pass(&parts_->gate);
    deleted_range_ = deleted.range;
    std::vector<PostingsPtr> found;
    for (const auto& set : deleted.sets) {
      absl::StatusOr<Postings> refs = Find(parts_->index, set);
      if (refs.ok()) found.push_back(std::make_shared<const Postings>(*std::move(refs)));
    }
    deleted_ = Union(std::move(found));
  }

  bool MayGo(const MemSeries& series) const {
    const model::TimeMs last = series.last_t.load(std::memory_order_relaxed);
    return last <= idle_before_ ||
           (deleted_range_.Contains(last) &&
            std::binary_search(deleted_.begin(), deleted_.end(), series.ref));
  }

  // Queriers from now on find the dropped chunks in a block; those before find them in the old view.
  void ChangeView() {
    auto next = std::make_shared<RetiredChunks>();
    absl::MutexLock lock(&parts_->views_mu);
    older_queriers_ = !parts_->previous_view.expired();
    if (parts_->view.use_count() > 1) retired_ = parts_->view;
    {
      absl::MutexLock view_lock(&parts_->view->mu);
      parts_->view->next = next;
    }
    parts_->previous_view = parts_->view;
    parts_->view = std::move(next);
  }

  void DropGiven(MemSeries* series, size_t num_samples, HeadDelta* delta) {
    if (num_samples == 0) return;
    std::vector<ChunkPtr> dropped;
    absl::MutexLock lock(parts_->StripeOf(series->ref));
    series->TakeOldest(num_samples, retired_ == nullptr ? nullptr : &dropped, delta);
    model::StartRuns starts;
    series->TrimStarts(retired_ == nullptr ? nullptr : &starts, delta);
    if (retired_ == nullptr) return;
    absl::MutexLock view_lock(&retired_->mu);
    retired_->chunks[series->ref] = std::move(dropped);
    if (!starts.empty()) retired_->starts[series->ref] = std::move(starts);
  }

  // Drops late samples, and finds out whether the series may go.
  void LookAt(MemSeries* series, HeadDelta* delta) {
    absl::MutexLock lock(parts_->StripeOf(series->ref));
    if (flushed_) series->ComeBack(horizon_);  // Before its late samples go.
    if (LateSamples* late = series->late(); flushed_ && late != nullptr && late->gives()) {
      if (retired_ != nullptr) {
        absl::MutexLock view_lock(&retired_->mu);
        retired_->late[series->ref] = late->given();
      }
      series->DropGivenLate(delta);
    }
    const bool was_empty = series->emptied;
    series->emptied = !series->HasSamples();
    if (!series->emptied) {
      parts_->SawTimes(series->times());
      return;
    }
    // Its name must be found as long as a querier may have to look for its chunks above.
    const bool unseen = retired_ == nullptr ? !older_queriers_ : was_empty && !older_queriers_;
    if (unseen && !parts_->replaying && MayGo(*series) &&
        !with_exemplars_.contains(series->ref) &&
        series->touched.load(std::memory_order_relaxed) < oldest_inside_) {
      idle_.push_back(series);
    }
  }

  // Under the shard's lock. See HeadAppender::Touch.
  bool MayForget(MemSeries* series) {
    series->dead.store(true, std::memory_order_seq_cst);
    if (series->touched.load(std::memory_order_seq_cst) < oldest_inside_) return true;
    series->dead.store(false, std::memory_order_seq_cst);
    return false;
  }

  void Remove() {
    std::vector<MemSeries*> gone;
    for (MemSeries* series : idle_) {
      if (parts_->map.EraseIf(series, [&] { return MayForget(series); })) gone.push_back(series);
    }
    std::sort(gone.begin(), gone.end(),
              [](const MemSeries* a, const MemSeries* b) { return a->ref < b->ref; });
    std::vector<IndexEntry> entries;
    Postings refs;
    for (MemSeries* series : gone) {
      parts_->order.Forget(series);
      refs.push_back(series->ref);
      if (series->listed.load()) entries.push_back({series->ref, series->pairs});
    }
    parts_->index.Remove(entries);
    parts_->exemplars.Forget(refs);
    parts_->series_removed.Add(entries.size());
    Garbage garbage = parts_->map.TakeGarbage();
    const Generation unlinked = parts_->gate.Advance();
    if (!gone.empty() || !garbage.empty()) {
      parts_->limbo.push_back({unlinked, std::move(gone), std::move(garbage)});
    }
  }

  void FreeLimbo() {
    const Generation oldest = parts_->gate.oldest();
    std::erase_if(parts_->limbo, [&](Head::Parts::Limbo& item) {
      if (item.generation >= oldest) return false;
      for (MemSeries* series : item.series) {
        parts_->index.Release(series->pairs);
        parts_->map.pool()->Delete(series);
      }
      return true;
    });
  }

  Head::Parts* const parts_;
  const model::TimeMs idle_before_;
  const model::TimeMs horizon_;
  Postings deleted_;
  model::TimeRange deleted_range_;
  bool flushed_ = false;
  bool older_queriers_ = false;              // From before the previous flush.
  std::shared_ptr<RetiredChunks> retired_;   // Of queriers from before this one; null without any.
  Generation oldest_inside_ = 0;
  absl::flat_hash_set<SeriesRef> with_exemplars_;
  std::vector<MemSeries*> idle_;
};

}  // namespace

absl::StatusOr<uint32_t> Head::CutForFlush() {
  wal::Writer* log = parts_->log.load();
  // Most of the bytes reach the disk before anybody has to wait for it. Should that fail, the cut
  // will say so.
  if (log != nullptr) log->Sync().IgnoreError();
  absl::MutexLock lock(&parts_->commit_mu);
  uint32_t segment = 0;
  if (log != nullptr) {
    ASSIGN_OR_RETURN(segment, log->CutSegment());
    parts_->cut_segment = segment;
  }
  parts_->cut = std::make_unique<HeldSnapshot>(&parts_->isolation);
  parts_->exemplars.Cut();
  return segment;
}

std::unique_ptr<FlushCursor> Head::FlushCursor() {
  parts_->flush_order = parts_->order.RankAll();
  OrderByRef(parts_->flush_order, &parts_->flush_given);
  parts_->flush_late.clear();
  return NewFlushCursor(parts_.get());
}

std::vector<model::TimeRange> Head::LateRanges() const {
  using model::kDayMs, model::WindowStart;
  constexpr int64_t kWindowMs = 2 * model::kHourMs;
  const model::TimeMs newest =
      std::max(std::min(max_time(), parts_->Horizon()), kNoTime + 2 * kDayMs);
  const model::TimeMs days_before = WindowStart(newest - kDayMs, kDayMs);
  std::map<model::TimeMs, model::TimeMs> ends;  // By start.
  std::vector<LateSample> samples;
  for (const size_t place : parts_->flush_late) {
    const MemSeries* series = parts_->flush_order[place];
    absl::MutexLock lock(parts_->StripeOf(series->ref));
    series->late()->given().Expand({}, &samples);
    for (const LateSample& late : samples) {
      const model::TimeMs t = std::max(late.sample.t, kNoTime + kDayMs);
      const int64_t width_ms = t < days_before ? kDayMs : kWindowMs;
      const model::TimeMs start = WindowStart(t, width_ms);
      ends[start] = start + width_ms - 1;
    }
  }
  std::vector<model::TimeRange> ranges;
  for (const auto& [start, end] : ends) ranges.push_back({start, end});
  if (!ranges.empty() && ranges.front().min <= kNoTime + kDayMs) ranges.front().min = kNoTime;
  return ranges;
}

std::unique_ptr<SeriesCursor> Head::LateCursor(model::TimeRange range) {
  return NewLateCursor(parts_.get(), range);
}

absl::Status Head::WriteCheckpoint(wal::CheckpointWriter* out) {
  CheckpointSession session(parts_.get(), out);
  RETURN_IF_ERROR(session.WriteSeries());
  RETURN_IF_ERROR(session.WriteAliases());
  RETURN_IF_ERROR(session.WriteExemplars());
  return session.WriteMetadata();
}

void Head::DropFlushed(model::TimeMs idle_before, const DeletedFromHead* deleted) {
  Dropper(parts_.get(), idle_before, deleted).Run(/*flushed=*/true);
}

void Head::Forget(model::TimeMs idle_before, const DeletedFromHead* deleted) {
  Dropper(parts_.get(), idle_before, deleted).Run(/*flushed=*/false);
}

}  // namespace storage
