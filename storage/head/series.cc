#include "storage/head/series.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "storage/base/check.h"

namespace storage {

Verdict MemSeries::Judge(model::Sample sample, const TimeRules& rules) const {
  if (sample.t == kNoTime) return {Outcome::kOutOfBounds};  // The one time no sample can have.
  const model::TimeMs last = last_t.load(std::memory_order_relaxed);
  if (sample.t >= rules.min_in_order) {
    if (sample.t > last) return {};
    if (sample.t == last) {
      const bool same = std::bit_cast<uint64_t>(sample.v) == std::bit_cast<uint64_t>(last_v);
      return {same ? Outcome::kAccepted : Outcome::kDuplicate, false, same};
    }
  }
  if (last > rules.horizon && sample.t >= rules.min_in_order && sample.t <= rules.horizon) {
    return {Outcome::kAccepted, true};
  }
  if (rules.window_ms > 0) {
    if (sample.t >= rules.min_late) return {Outcome::kAccepted, true};
    return {Outcome::kTooOld};
  }
  return {sample.t < rules.min_in_order ? Outcome::kOutOfBounds : Outcome::kOutOfOrder};
}

bool MemSeries::Append(model::Sample sample, CommitSeq seq, CommitSeq settled, HeadDelta* delta) {
  if (sample.t <= last_t.load(std::memory_order_relaxed)) return false;
  if (open.empty()) ++delta->chunks;
  int64_t before = OpenBytes();
  if (!open.Append(sample)) {
    Seal(delta);
    ++delta->chunks;
    before = OpenBytes();
    CHECK(open.Append(sample));
  }
  delta->bytes += OpenBytes() - before;
  ++delta->samples;
  emptied = false;
  last_v = sample.v;
  last_t.store(sample.t, std::memory_order_relaxed);
  NoteCommit(seq, settled);
  return true;
}

void MemSeries::AppendLate(model::Sample sample, CommitSeq seq, HeadDelta* delta) {
  if (late == nullptr) late = std::make_unique<LateSamples>();
  const size_t before = late->all.capacity();
  late->all.push_back({sample, seq});
  delta->bytes += static_cast<int64_t>((late->all.capacity() - before) * sizeof(LateSample));
  ++delta->samples;
  ++delta->late;
  emptied = false;
}

void MemSeries::TakeLate(size_t n, std::vector<LateSample>* out, HeadDelta* delta) {
  if (n == 0) return;
  CHECK(late != nullptr && n <= late->all.size());
  const auto end = late->all.begin() + static_cast<std::ptrdiff_t>(n);
  if (out != nullptr) out->insert(out->end(), late->all.begin(), end);
  const size_t before = late->all.capacity();
  late->all.erase(late->all.begin(), end);
  late->all.shrink_to_fit();
  delta->samples -= static_cast<int64_t>(n);
  delta->bytes -= static_cast<int64_t>((before - late->all.capacity()) * sizeof(LateSample));
  late->flushing = 0;
  if (late->all.empty()) late.reset();
}

void MemSeries::ComeBack(model::TimeMs horizon) {
  if (last_t.load(std::memory_order_relaxed) <= horizon) return;
  if (num_sealed() > 0 || !open.empty()) return;
  model::Sample newest{kNoTime, 0};
  if (late != nullptr) {
    for (const LateSample& l : late->all) {
      if (l.sample.t <= horizon && l.sample.t > newest.t) newest = l.sample;
    }
  }
  last_v = newest.v;
  last_t.store(newest.t, std::memory_order_relaxed);
}

void MemSeries::NoteCommit(CommitSeq seq, CommitSeq settled) {
  if (last_seq == seq) {
    ++last_count;
    return;
  }
  if (last_seq > settled || older_commits != nullptr) {
    if (older_commits == nullptr) older_commits = std::make_unique<std::vector<CommitRun>>();
    older_commits->push_back({last_seq, last_count});
    const auto needed = std::find_if(older_commits->begin(), older_commits->end(),
                                     [&](const CommitRun& run) { return run.seq > settled; });
    older_commits->erase(older_commits->begin(), needed);
    if (older_commits->empty()) older_commits.reset();
  }
  last_seq = seq;
  last_count = 1;
}

void MemSeries::Seal(HeadDelta* delta) {
  if (open.empty()) return;
  auto chunk = std::make_shared<SealedChunk>();
  const chunk::ChunkView view = open.view();
  chunk->range = view.range;
  chunk->num_samples = view.num_samples;
  chunk->encoding = view.encoding;
  chunk->last_v = open.last().v;
  const int64_t before = OpenBytes();
  chunk->bytes = std::move(open).Seal();
  delta->bytes += OpenBytes() - before + static_cast<int64_t>(chunk->memory_bytes());
  if (sealed == nullptr) sealed = std::make_unique<std::vector<ChunkPtr>>();
  sealed->push_back(std::move(chunk));
}

void MemSeries::TakeSealed(size_t n, std::vector<ChunkPtr>* out, HeadDelta* delta) {
  if (n == 0) return;
  CHECK(n <= num_sealed());
  for (size_t i = 0; i < n; ++i) {
    ChunkPtr& chunk = (*sealed)[i];
    delta->chunks -= 1;
    delta->samples -= chunk->num_samples;
    delta->bytes -= static_cast<int64_t>(chunk->memory_bytes());
    if (out != nullptr) out->push_back(std::move(chunk));
  }
  if (n == sealed->size()) {
    sealed.reset();
  } else {
    sealed->erase(sealed->begin(), sealed->begin() + static_cast<std::ptrdiff_t>(n));
  }
}

model::TimeRange MemSeries::times() const {
  model::TimeRange range = model::TimeRange::None();
  if (num_sealed() > 0) range.Extend(sealed->front()->range), range.Extend(sealed->back()->range);
  if (!open.empty()) range.Extend(open.view().range);
  if (late != nullptr) {
    for (const LateSample& l : late->all) range.Extend(l.sample.t);
  }
  return range;
}

Hidden FindHidden(const MemSeries& series, const CommitSnapshot& snapshot) {
  Hidden hidden;
  const CommitRun last{series.last_seq, series.last_count};
  if (series.older_commits == nullptr) {
    if (!snapshot.Sees(last.seq)) hidden.tail = last.count;
    return hidden;
  }
  std::vector<CommitRun> runs = *series.older_commits;
  runs.push_back(last);
  while (!runs.empty() && !snapshot.Sees(runs.back().seq)) {
    hidden.tail += runs.back().count;
    runs.pop_back();
  }
  const bool scattered = std::any_of(runs.begin(), runs.end(), [&](const CommitRun& run) {
    return !snapshot.Sees(run.seq);
  });
  if (!scattered) return hidden;
  for (const CommitRun& run : runs) {
    hidden.scattered.insert(hidden.scattered.end(), run.count, snapshot.Sees(run.seq));
  }
  hidden.scattered.insert(hidden.scattered.end(), hidden.tail, false);
  hidden.tail = 0;
  return hidden;
}

}  // namespace storage
