#include "storage/head/head_selection.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "storage/base/memory_meter.h"
#include "storage/base/status.h"
#include "storage/head/label_groups.h"
#include "storage/merge.h"
#include "storage/model/reset_hints.h"

namespace storage {
namespace {

// Appends what flushes after `view` dropped of this series, oldest first.
void CollectRetired(RetiredChunks* view, SeriesRef ref, std::vector<ChunkPtr>* out,
                    LateParts* late) {
  for (RetiredChunks* v = view; v != nullptr;) {
    absl::MutexLock lock(&v->mu);
    const auto it = v->chunks.find(ref);
    if (it != v->chunks.end()) out->insert(out->end(), it->second.begin(), it->second.end());
    const auto of = v->late.find(ref);
    if (of != v->late.end()) late->Append(of->second);
    v = v->next.get();  // Lives as long as `view` does.
  }
}

// Appends the starts that go with what CollectRetired finds, and those of `series`.
void CollectStarts(RetiredChunks* view, const MemSeries& series, model::TimeRange range,
                   model::StartRuns* out) {
  model::StartRuns all;
  for (RetiredChunks* v = view; v != nullptr;) {
    absl::MutexLock lock(&v->mu);
    if (const auto it = v->starts.find(series.ref); it != v->starts.end()) {
      model::AppendStarts(it->second, {}, &all);
    }
    v = v->next.get();
  }
  for (const model::StartRun& run : series.starts()) model::NoteStart(run.from, run.start, &all);
  model::StartRuns wanted;
  model::AppendStarts(all, range, &wanted);
  out->insert(out->end(), wanted.begin(), wanted.end());
}

}  // namespace

HeadSelection::HeadSelection(size_t expected_series, const SelectRequest& request)
    : range_(request.range),
      starts_wanted_(request.starts),
      newest_only_(request.newest && !request.starts),
      few_labels_(request.few_labels),
      any_order_(request.any_order) {
  if (newest_only_) {
    newest_.reserve(expected_series);
  } else {
    chunks_.reserve(expected_series);
    parts_.reserve(expected_series);
  }
  places_.reserve(expected_series);
  series_.reserve(expected_series);
}

void HeadSelection::Add(MemSeries* series, const CommitSnapshot& snapshot, RetiredChunks* view) {
  if (newest_only_ && AddNewest(series, snapshot)) return;
  const model::TimeRange range = range_;
  thread_local std::vector<FoundChunk> found;
  thread_local std::vector<ChunkPtr> sealed;
  thread_local LateParts retired, late;
  found.clear();
  sealed.clear();
  retired.clear(), late.clear();
  CollectRetired(view, series->ref, &sealed, &retired);
  retired.Collect(snapshot, range, &late);
  if (series->late() != nullptr) series->late()->Collect(snapshot, range, &late);
  const size_t first_late = late_.size();
  late_.insert(late_.end(), late.loose.begin(), late.loose.end());
  SortLate(late_.begin() + static_cast<std::ptrdiff_t>(first_late), &late_);
  if (series->sealed != nullptr) {
    sealed.insert(sealed.end(), series->sealed->begin(), series->sealed->end());
  }
  for (ChunkPtr& chunk : sealed) {
    const chunk::ChunkView chunk_view = chunk->view();
    found.push_back({chunk_view, std::move(chunk)});
  }
  if (series->HasOpen()) found.push_back({series->OpenView(), nullptr});

  Hidden hidden = FindHidden(*series, snapshot);
  for (; hidden.tail > 0 && !found.empty();) {
    chunk::ChunkView& last = found.back().view;
    const size_t n = std::min(hidden.tail, static_cast<size_t>(last.num_samples));
    last.num_samples -= static_cast<int>(n);
    hidden.tail -= n;
    if (last.num_samples == 0) found.pop_back();
  }
  if (!hidden.scattered.empty()) {
    KeepVisible(hidden.scattered, &found);
  } else {
    std::erase_if(found, [&](const FoundChunk& c) { return !c.view.range.Overlaps(range); });
  }
  if (found.empty() && late.runs.empty() && late_.size() == first_late) return;
  series_.push_back(series);
  places_.push_back(static_cast<uint32_t>(parts_.size()) | kHasParts);
  parts_.push_back({static_cast<uint32_t>(chunks_.size()), static_cast<uint32_t>(first_late),
                    static_cast<uint32_t>(starts_.size())});
  if (starts_wanted_ && !found.empty()) CollectStarts(view, *series, range, &starts_);
  for (ChunkPtr& run : late.runs) {
    const chunk::ChunkView run_view = run->view();
    AddChunk(run_view, std::move(run), /*late=*/true);
  }
  for (FoundChunk& chunk : found) AddChunk(chunk.view, std::move(chunk.owner), /*late=*/false);
}

void HeadSelection::AddChunk(const chunk::ChunkView& view, ChunkPtr owner, bool late) {
  const char* const bytes = owner == nullptr ? arena_.Copy(view.bytes).data() : view.bytes.data();
  chunks_.push_back({bytes, view.range, static_cast<uint32_t>(view.bytes.size()),
                     static_cast<uint16_t>(view.num_samples), view.encoding, late});
  if (owner != nullptr) owners_.push_back(std::move(owner));
}

// A late sample is never newer, and of two at one time the one that came in order stays.
bool HeadSelection::AddNewest(MemSeries* series, const CommitSnapshot& snapshot) {
  const model::TimeMs t = series->last_t.load(std::memory_order_relaxed);
  if (series->open.empty() || !range_.Contains(t)) return false;
  if (series->older_commits != nullptr || !snapshot.Sees(series->last_seq)) {
    const Hidden hidden = FindHidden(*series, snapshot);
    if (hidden.tail > 0 || (!hidden.scattered.empty() && !hidden.scattered.back())) return false;
  }
  series_.push_back(series);
  places_.push_back(static_cast<uint32_t>(newest_.size()));
  newest_.push_back({t, series->last_v});
  return true;
}

// The rare case: writes the visible samples anew.
void HeadSelection::KeepVisible(const std::vector<bool>& visible,
                                std::vector<FoundChunk>* chunks) const {
  MemSeries kept;
  HeadDelta delta;
  size_t left = 0;
  for (const FoundChunk& chunk : *chunks) left += static_cast<size_t>(chunk.view.num_samples);
  const auto wanted = [&](model::TimeMs t) {  // Of each in turn.
    const bool sees = left > visible.size() || visible[visible.size() - left];
    --left;
    return sees && range_.Contains(t);
  };
  chunk::MixedColumns samples;
  for (const FoundChunk& chunk : *chunks) {
    samples.clear();
    chunk::Decode(chunk.view, {}, &samples).IgnoreError();  // The head's own bytes.
    for (size_t k = 0; k < samples.floats.size(); ++k) {
      const model::Sample sample{samples.floats.times[k], samples.floats.values[k]};
      if (wanted(sample.t)) kept.Append(sample, 0, {}, &delta);
    }
    for (size_t k = 0; k < samples.histograms.size(); ++k) {
      const model::TimeMs t = samples.histograms.times[k];
      if (wanted(t)) kept.AppendHistogram({t, 0}, samples.histograms.values[k], 0, {}, &delta);
    }
  }
  chunks->clear();
  kept.Seal(&delta);
  if (kept.sealed == nullptr) return;
  for (ChunkPtr& chunk : *kept.sealed) {
    const chunk::ChunkView view = chunk->view();
    chunks->push_back({view, std::move(chunk)});
  }
}

HeadSelection::Parts HeadSelection::PartsOf(uint32_t n) const {
  const size_t i = places_[n] & ~kHasParts;
  const Begins& begin = parts_[i];
  const Begins end = i + 1 < parts_.size()
                         ? parts_[i + 1]
                         : Begins{static_cast<uint32_t>(chunks_.size()),
                                  static_cast<uint32_t>(late_.size()),
                                  static_cast<uint32_t>(starts_.size())};
  const auto chunks = std::span(chunks_).subspan(begin.chunk, end.chunk - begin.chunk);
  size_t runs = 0;
  while (runs < chunks.size() && chunks[runs].late) ++runs;
  return {chunks.first(runs), chunks.subspan(runs),
          std::span(late_).subspan(begin.late, end.late - begin.late),
          std::span(starts_).subspan(begin.start, end.start - begin.start)};
}

absl::Status HeadSelection::Finish(LabelOrder* order, const HeadIndex& index,
                                   std::shared_ptr<const GatePass> pass) {
  if (!any_order_) order_ = order->Order(series_);
  chunks_.shrink_to_fit();
  if (few_labels_) {
    pass_ = std::move(pass);
    index_ = &index;
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(MakeLabels(index));
  series_ = {};
  return absl::OkStatus();
}

// In the order of adding, which is about the one in which series and pairs lie in memory.
absl::Status HeadSelection::MakeLabels(const HeadIndex& index) {
  constexpr size_t kSeriesPerCheck = 256;
  labels_.Reserve(series_.size());
  for (size_t n = 0; n < series_.size(); ++n) {
    if (n % kSeriesPerCheck == 0) RETURN_IF_ERROR(base::MemoryMeter::Check());
    size_t size = 0;
    for (const PairId id : series_[n]->pairs) size += index.bytes(id).size();
    char* p = labels_.AppendRoom(size);
    for (const PairId id : series_[n]->pairs) {
      const std::string_view pair = index.bytes(id);
      std::memcpy(p, pair.data(), pair.size());
      p += pair.size();
    }
  }
  return absl::OkStatus();
}

absl::Status HeadSelection::KeepLabels() {
  if (pass_ == nullptr) return absl::OkStatus();
  RETURN_IF_ERROR(MakeLabels(*index_));
  series_ = {};
  pass_ = nullptr;
  return absl::OkStatus();
}

model::LabelsView HeadSelection::labels(int i) const {
  const uint32_t n = Nth(i);
  return labels_.Get(n, [&](std::string* bytes) { index_->AppendLabels(series_[n]->pairs, bytes); });
}

// Neighbours have most of their pairs in common; in label order the first ones.
class HeadSelection::LateReader final : public LabelsReader {
 public:
  explicit LateReader(const HeadSelection* selection) : selection_(*selection) {}

  model::LabelsView At(int i) override {
    Prefetch(i);
    size_t same = 0;
    bool all_same = true;
    for (const PairId id : selection_.series_[selection_.Nth(i)]->pairs) {
      if (all_same && same < pairs_.size() && pairs_[same] == id) {
        ++same;
        continue;
      }
      if (std::exchange(all_same, false)) Keep(same);
      bytes_.append(selection_.index_->bytes(id));
      pairs_.push_back(id), ends_.push_back(bytes_.size());
    }
    if (all_same) Keep(same);
    return model::LabelsView(bytes_);
  }

 private:
  void Keep(size_t pairs) {  // The first ones.
    pairs_.resize(pairs), ends_.resize(pairs);
    bytes_.resize(pairs == 0 ? 0 : ends_.back());
  }
  // Series that are neighbours in label order are not so in memory.
  void Prefetch(int i) const {
    constexpr int kAhead = 8;
    if (i + 2 * kAhead < selection_.size()) {
      const char* p = reinterpret_cast<const char*>(selection_.series_[selection_.Nth(i + 2 * kAhead)]);
      __builtin_prefetch(p);
      __builtin_prefetch(p + 64);
    }
    if (i + kAhead < selection_.size()) {
      __builtin_prefetch(selection_.series_[selection_.Nth(i + kAhead)]->pairs.place());
    }
  }

  const HeadSelection& selection_;
  std::vector<PairId> pairs_;  // Of the last one,
  std::vector<size_t> ends_;   // and where they end in its
  std::string bytes_;          // canonical bytes.
};

std::unique_ptr<LabelsReader> HeadSelection::ReadLabels() const {
  if (pass_ == nullptr) return Selection::ReadLabels();
  return std::make_unique<LateReader>(this);
}

bool HeadSelection::GroupBy(std::span<const std::string> names, std::vector<int>* groups) const {
  if (pass_ == nullptr) return false;
  LabelGroups by(index_, names, series_.size());
  std::vector<uint32_t> group(series_.size());
  for (uint32_t n = 0; n < series_.size(); ++n) group[n] = by.Of(series_[n]->pairs);
  std::vector<int> number(by.num_groups(), -1);  // By when the first of each comes.
  int next = 0;
  groups->resize(series_.size());
  for (int i = 0; i < size(); ++i) {
    int& found = number[group[Nth(i)]];
    if (found < 0) found = next++;
    (*groups)[static_cast<size_t>(i)] = found;
  }
  return true;
}

void HeadSelection::ReadNewest(int begin, std::span<model::Sample> out) const {
  for (size_t k = 0; k < out.size(); ++k) {
    const model::Sample* const newest = Newest(Nth(begin + static_cast<int>(k)));
    out[k] = newest != nullptr ? *newest : model::Sample{kUnread, 0};
  }
}

template <class Columns>
absl::Status HeadSelection::ReadChunks(int i, model::TimeRange range, Columns* out) const {
  for (const Chunk& chunk : PartsOf(Nth(i)).chunks) {
    if (!chunk.range.Overlaps(range)) continue;
    if (absl::Status status = chunk::Decode(chunk.view(), range, out); !status.ok()) {
      return base::Annotate(status, "head: series " + labels(i).ToString());
    }
  }
  return absl::OkStatus();
}

absl::Status HeadSelection::Read(int i, model::TimeRange range, chunk::SampleColumns* out) const {
  out->clear();
  if (const model::Sample* newest = Newest(Nth(i)); newest != nullptr) {
    if (range.Contains(newest->t)) out->times.push_back(newest->t), out->values.push_back(newest->v);
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(ReadChunks(i, range, out));
  const Parts parts = PartsOf(Nth(i));
  if (!parts.any_late()) return absl::OkStatus();
  chunk::MixedColumns late = Late(parts, range);
  if (out->histograms || late.histograms.size() > 0) {  // One kind may stand where the other does.
    RETURN_IF_ERROR(ReadMixed(i, range, &late));
    *out = std::move(late.floats);
    out->histograms = true;
    return absl::OkStatus();
  }
  MergeColumns(*out, &late.floats);  // Of two at the same time, the one that came in order stays.
  std::swap(*out, late.floats);
  return absl::OkStatus();
}

absl::Status HeadSelection::ReadMixed(int i, model::TimeRange range,
                                      chunk::MixedColumns* out) const {
  out->clear();
  if (Newest(Nth(i)) != nullptr) return Read(i, range, &out->floats);
  RETURN_IF_ERROR(ReadChunks(i, range, out));
  const Parts parts = PartsOf(Nth(i));
  if (!parts.any_late()) return absl::OkStatus();
  chunk::MixedColumns merged = Late(parts, range);
  MergeMixed(*out, &merged);
  std::swap(*out, merged);
  return absl::OkStatus();
}

model::TimeRange HeadSelection::Extent(int i) const {
  if (const model::Sample* newest = Newest(Nth(i)); newest != nullptr) {
    return {newest->t, newest->t};
  }
  const Parts parts = PartsOf(Nth(i));
  model::TimeRange extent = model::TimeRange::None();
  for (const Chunk& run : parts.late_runs) extent.Extend(run.range);
  for (const Chunk& chunk : parts.chunks) extent.Extend(chunk.range);
  for (const LateSample& late : parts.late) extent.Extend(late.sample.t);
  return extent;
}

absl::Status HeadSelection::ReadStarts(int i, model::TimeRange range,
                                       model::StartRuns* out) const {
  out->clear();
  if (Newest(Nth(i)) != nullptr) return absl::OkStatus();
  const Parts parts = PartsOf(Nth(i));
  const chunk::SampleColumns runs = LateRuns(parts, range);
  const bool mixes =
      (runs.size() > 0 && !parts.starts.empty()) ||
      std::any_of(parts.late.begin(), parts.late.end(), [&](const LateSample& l) {
        return range.Contains(l.sample.t) && (l.start != 0 || !parts.starts.empty());
      });
  if (!mixes) {
    model::AppendStarts(parts.starts, range, out);
    return absl::OkStatus();
  }
  chunk::MixedColumns samples;
  RETURN_IF_ERROR(ReadChunks(i, range, &samples));
  model::StartColumns merged, part;
  for (const LateSample& l : parts.late) {
    if (!range.Contains(l.sample.t)) continue;
    merged.times.push_back(l.sample.t);
    merged.values.push_back(l.start);
  }
  MergeStarts({runs.times, std::vector<model::TimeMs>(runs.size())}, &merged);
  model::AppendStartsAt(parts.starts, TimesOf(samples), &part);
  MergeStarts(part, &merged);  // As in ReadMixed.
  *out = model::ToRuns(merged);
  return absl::OkStatus();
}

chunk::MixedColumns HeadSelection::Late(const Parts& parts, model::TimeRange range) const {
  chunk::MixedColumns late;
  for (const LateSample& l : parts.late) {
    if (!range.Contains(l.sample.t)) continue;
    if (l.histogram == nullptr) {
      late.floats.times.push_back(l.sample.t);
      late.floats.values.push_back(l.sample.v);
    } else {
      // What its source said of a reset was about another sample than the one before it here.
      model::AnyHistogram h = *l.histogram;
      if (model::HintOf(h) != model::ResetHint::kGauge) model::SetHint(model::ResetHint::kUnknown, &h);
      late.histograms.Add(l.sample.t, std::move(h));
    }
  }
  if (parts.late_runs.empty()) return late;
  chunk::MixedColumns runs;
  runs.floats = LateRuns(parts, range);
  MergeMixed(runs, &late);
  return late;
}

chunk::SampleColumns HeadSelection::LateRuns(const Parts& parts, model::TimeRange range) const {
  chunk::SampleColumns all, one;
  for (const Chunk& run : parts.late_runs) {
    if (!run.range.Overlaps(range)) continue;
    one.clear();
    chunk::Decode(run.view(), range, &one).IgnoreError();  // The head's own bytes.
    MergeColumns(one, &all);
  }
  return all;
}

}  // namespace storage
