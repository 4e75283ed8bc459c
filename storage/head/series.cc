#include "storage/head/series.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "storage/base/check.h"
#include "storage/chunk/histogram_columns.h"
#include "storage/head/histogram_bytes.h"

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

bool MemSeries::Append(model::Sample sample, CommitSeq seq, const CommitHorizon& horizon,
                       HeadDelta* delta) {
  const model::Sample last{last_t.load(std::memory_order_relaxed), last_v};
  if (sample.t <= last.t) return false;
  if (histogram) [[unlikely]] {
    if (model::IsStaleNan(sample.v)) {
      model::AnyHistogram stale;
      if (seldom->histograms->floats()) stale.emplace<model::FloatHistogram>();
      std::visit([](auto& h) { h.sum = model::StaleNan(); }, stale);
      return AppendHistogram(sample, stale, seq, horizon, delta);
    }
    EndHistograms(delta);
  }
  if (open.empty()) ++delta->chunks;
  auto before = static_cast<int64_t>(open.heap_bytes());
  if (!open.Append(sample, last)) {
    Seal(delta);
    ++delta->chunks;
    before = static_cast<int64_t>(open.heap_bytes());
    CHECK(open.Append(sample, last));
  }
  delta->bytes += static_cast<int64_t>(open.heap_bytes()) - before;
  Took(sample, seq, horizon, delta);
  return true;
}

bool MemSeries::AppendHistogram(model::Sample sample, const model::AnyHistogram& value,
                                CommitSeq seq, const CommitHorizon& horizon,
                                HeadDelta* delta) {
  if (sample.t <= last_t.load(std::memory_order_relaxed)) return false;
  if (!histogram) {
    Seal(delta);
    if (seldom == nullptr) seldom = std::make_unique<Seldom>();
    seldom->histograms = std::make_unique<chunk::HistogramEncoder>();
    histogram = true;
  }
  chunk::HistogramEncoder& encoder = *seldom->histograms;
  if (encoder.empty()) ++delta->chunks;
  int64_t before = OpenBytes();
  if (!encoder.Append(sample.t, value)) {
    Seal(delta);
    ++delta->chunks;
    before = OpenBytes();
    CHECK(encoder.Append(sample.t, value));
  }
  delta->bytes += OpenBytes() - before;
  Took(sample, seq, horizon, delta);
  return true;
}

void MemSeries::Took(model::Sample sample, CommitSeq seq, const CommitHorizon& horizon,
                     HeadDelta* delta) {
  ++delta->samples;
  emptied = false;
  last_v = sample.v;
  last_t.store(sample.t, std::memory_order_relaxed);
  NoteCommit(seq, horizon);
}

void MemSeries::EndHistograms(HeadDelta* delta) {
  Seal(delta);
  seldom->histograms.reset();
  histogram = false;
  DropSeldom();
}

void MemSeries::DropSeldom() {
  if (seldom == nullptr || !seldom->late.empty() || seldom->histograms != nullptr || has_starts) {
    return;
  }
  seldom.reset();
}

void MemSeries::NoteStart(model::TimeMs start, HeadDelta* delta) {
  if (seldom == nullptr) seldom = std::make_unique<Seldom>();
  model::StartRuns& runs = seldom->starts;
  const size_t before = runs.capacity();
  model::NoteStart(last_t.load(std::memory_order_relaxed), start, &runs);
  delta->bytes += static_cast<int64_t>((runs.capacity() - before) * sizeof(model::StartRun));
  has_starts = !runs.empty();
}

void MemSeries::TrimStarts(model::StartRuns* out, HeadDelta* delta) {
  if (!has_starts) return;
  model::StartRuns& runs = seldom->starts;
  model::StartRuns kept;
  model::TimeRange left = model::TimeRange::None();
  if (num_sealed() > 0) {
    left = {sealed->front()->range.min, std::numeric_limits<int64_t>::max()};
  } else if (HasOpen()) {
    left = {OpenView().range.min, std::numeric_limits<int64_t>::max()};
  }
  model::AppendStarts(runs, left, &kept);
  if (out != nullptr) {
    const model::TimeMs until = left.empty() ? std::numeric_limits<int64_t>::max() : left.min - 1;
    model::AppendStarts(runs, {std::numeric_limits<int64_t>::min(), until}, out);
  }
  kept.shrink_to_fit();
  delta->bytes += (static_cast<int64_t>(kept.capacity()) - static_cast<int64_t>(runs.capacity())) *
                  static_cast<int64_t>(sizeof(model::StartRun));
  runs = std::move(kept);
  has_starts = !runs.empty();
  DropSeldom();
}

void MemSeries::AppendLate(LateSample sample, HeadDelta* delta) {
  if (seldom == nullptr) seldom = std::make_unique<Seldom>();
  delta->bytes += static_cast<int64_t>(seldom->late.Add(std::move(sample)));
  ++delta->samples;
  ++delta->late;
  emptied = false;
}

void MemSeries::DropGivenLate(HeadDelta* delta) {
  LateSamples& samples = seldom->late;
  const size_t num = samples.size(), bytes = samples.heap_bytes();
  samples.DropGiven();
  delta->samples += static_cast<int64_t>(samples.size() - num);
  delta->bytes += static_cast<int64_t>(samples.heap_bytes() - bytes);
  DropSeldom();
}

void MemSeries::KnowFlushed(model::Sample newest, HeadDelta* delta) {
  if (newest.t <= last_t.load(std::memory_order_relaxed)) return;
  Seal(delta);
  last_v = newest.v;
  last_t.store(newest.t, std::memory_order_relaxed);
}

void MemSeries::ComeBack(model::TimeMs horizon) {
  if (last_t.load(std::memory_order_relaxed) <= horizon) return;
  if (num_sealed() > 0 || HasOpen()) return;
  const model::Sample newest =
      late() == nullptr ? model::Sample{kNoTime, 0} : late()->Newest(horizon);
  last_v = newest.v;
  last_t.store(newest.t, std::memory_order_relaxed);
  if (!histogram) return;
  seldom->histograms.reset();
  histogram = false;
  DropSeldom();
}

void MemSeries::NoteCommit(CommitSeq seq, const CommitHorizon& horizon) {
  if (last_seq == seq) {
    ++last_count;
    return;
  }
  if (last_seq > horizon.settled || older_commits != nullptr) {
    if (older_commits == nullptr) older_commits = std::make_unique<std::vector<CommitRun>>();
    std::vector<CommitRun>& runs = *older_commits;
    if (!runs.empty() && horizon.Alike(runs.back().seq, last_seq)) {
      runs.back().seq = std::max(runs.back().seq, last_seq);
      runs.back().count += last_count;
    } else {
      runs.push_back({last_seq, last_count});
    }
    const auto needed = std::find_if(runs.begin(), runs.end(), [&](const CommitRun& run) {
      return run.seq > horizon.settled;
    });
    runs.erase(runs.begin(), needed);
    if (runs.empty()) older_commits.reset();
  }
  last_seq = seq;
  last_count = 1;
}

void MemSeries::Seal(HeadDelta* delta) {
  if (!HasOpen()) return;
  auto chunk = std::make_shared<SealedChunk>();
  const chunk::ChunkView view = OpenView();
  chunk->range = view.range;
  chunk->num_samples = view.num_samples;
  chunk->encoding = view.encoding;
  chunk->last_v = last_v;
  const int64_t before = OpenBytes();
  chunk->bytes = histogram ? seldom->histograms->Seal() : std::move(open).Seal();
  delta->bytes += OpenBytes() - before + static_cast<int64_t>(chunk->memory_bytes());
  if (sealed == nullptr) sealed = std::make_unique<std::vector<ChunkPtr>>();
  sealed->push_back(std::move(chunk));
}

size_t MemSeries::num_in_order() const {
  size_t n = HasOpen() ? static_cast<size_t>(OpenView().num_samples) : 0;
  for (size_t i = 0; i < num_sealed(); ++i) n += static_cast<size_t>((*sealed)[i]->num_samples);
  return n;
}

namespace {

// The first `n` samples of `view`, which has more: its bytes go into *copy. Gives the last of them.
model::Sample CopyFirst(size_t n, chunk::ChunkView* view, std::string* copy) {
  view->num_samples = static_cast<int>(n);
  *copy = view->bytes;  // With some of what follows; the count says where to end.
  (*copy)[0] = static_cast<char>(n >> 8);
  (*copy)[1] = static_cast<char>(n);
  view->bytes = *copy;
  chunk::MixedColumns samples;
  CHECK(chunk::Decode(*view, {}, &samples).ok());
  const chunk::SampleColumns& floats = samples.floats;
  const chunk::HistogramColumns& histograms = samples.histograms;
  const model::Sample last =
      floats.size() > 0
          ? model::Sample{floats.times.back(), floats.values.back()}
          : model::Sample{histograms.times.back(), Fingerprint(histograms.values.back())};
  view->range.max = last.t;
  return last;
}

}  // namespace

void MemSeries::CopyBefore(size_t n, OlderSamples* out) const {
  out->chunks.clear();
  out->sealed.clear();
  const size_t all = num_in_order();
  out->num = all - std::min(n, all);
  size_t left = out->num;
  for (size_t i = 0; i < num_sealed() && left > 0; ++i) {
    const ChunkPtr& chunk = (*sealed)[i];
    const size_t there = static_cast<size_t>(chunk->num_samples);
    out->chunks.push_back(chunk->view());
    if (there > left) {
      out->last = CopyFirst(left, &out->chunks.back(), &out->copy);
      return;
    }
    out->sealed.push_back(chunk);
    out->last = {chunk->range.max, chunk->last_v};
    left -= there;
  }
  if (left == 0) return;
  chunk::ChunkView& view = out->chunks.emplace_back(OpenView());
  if (static_cast<size_t>(view.num_samples) > left) {
    out->last = CopyFirst(left, &view, &out->copy);
    return;
  }
  out->last = {last_t.load(std::memory_order_relaxed), last_v};
  out->copy = view.bytes;
  view.bytes = out->copy;
}

void MemSeries::TakeOldest(size_t n, std::vector<ChunkPtr>* out, HeadDelta* delta) {
  const size_t all = num_in_order();
  CHECK(n <= all);
  TakeSealed(SealBefore(all - n, delta), out, delta);
}

size_t MemSeries::SealBefore(size_t n, HeadDelta* delta) {
  if (n == 0) {
    Seal(delta);
    return num_sealed();
  }
  size_t newer = HasOpen() ? static_cast<size_t>(OpenView().num_samples) : 0;
  const bool in_open = newer > n;
  size_t i = num_sealed();
  while (newer < n && i > 0) newer += static_cast<size_t>((*sealed)[--i]->num_samples);
  if (newer <= n) return i;  // A chunk begins just there.

  MemSeries apart;
  HeadDelta added;
  const chunk::ChunkView view = in_open ? OpenView() : (*sealed)[i]->view();
  const size_t older = apart.TakeOver(view, newer - n, &added);
  if (in_open) {
    added.bytes -= OpenBytes();
    if (histogram) {
      *seldom->histograms = std::move(*apart.seldom->histograms);
    } else {
      open = std::move(apart.open);
    }
    if (sealed == nullptr) sealed = std::make_unique<std::vector<ChunkPtr>>();
  } else {
    apart.Seal(&added);
    added.bytes -= static_cast<int64_t>((*sealed)[i]->memory_bytes());
    sealed->erase(sealed->begin() + static_cast<std::ptrdiff_t>(i));
  }
  sealed->insert(sealed->begin() + static_cast<std::ptrdiff_t>(i), apart.sealed->begin(),
                 apart.sealed->end());
  delta->chunks += added.chunks - 1;
  delta->bytes += added.bytes;
  return i + older;
}

size_t MemSeries::TakeOver(const chunk::ChunkView& view, size_t split, HeadDelta* delta) {
  chunk::MixedColumns samples;
  CHECK(chunk::Decode(view, {}, &samples, chunk::FirstHint::kAsWritten).ok());
  const chunk::SampleColumns& floats = samples.floats;
  size_t older = 0, next = 0;
  const auto sealed_at_split = [&] {
    if (next++ != split) return;
    Seal(delta);
    older = num_sealed();
  };
  for (size_t i = 0; i < floats.size(); ++i) {
    sealed_at_split();
    CHECK(Append({floats.times[i], floats.values[i]}, 0, {}, delta));
  }
  for (size_t i = 0; i < samples.histograms.size(); ++i) {
    sealed_at_split();
    const model::AnyHistogram& h = samples.histograms.values[i];
    CHECK(AppendHistogram({samples.histograms.times[i], Fingerprint(h)}, h, 0, {}, delta));
  }
  return older;
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

model::TimeRange MemSeries::times_in_order() const {
  model::TimeRange range = model::TimeRange::None();
  if (num_sealed() > 0) range.Extend(sealed->front()->range), range.Extend(sealed->back()->range);
  if (HasOpen()) range.Extend(OpenView().range);
  return range;
}

model::TimeRange MemSeries::times() const {
  model::TimeRange range = times_in_order();
  if (late() != nullptr) range.Extend(late()->times());
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
