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
                    std::vector<LateSample>* late) {
  for (RetiredChunks* v = view; v != nullptr;) {
    absl::MutexLock lock(&v->mu);
    const auto it = v->chunks.find(ref);
    if (it != v->chunks.end()) out->insert(out->end(), it->second.begin(), it->second.end());
    const auto of = v->late.find(ref);
    if (of != v->late.end()) late->insert(late->end(), of->second.begin(), of->second.end());
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

char* ByteArena::Reserve(size_t size) {
  if (size > left_) {
    const size_t block = std::max(size, kBlockBytes);
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(block));
    free_ = blocks_.back().get();
    left_ = block;
  }
  char* place = free_;
  free_ += size;
  left_ -= size;
  return place;
}

std::string_view ByteArena::Copy(std::string_view bytes) {
  char* place = Reserve(bytes.size());
  std::memcpy(place, bytes.data(), bytes.size());
  return {place, bytes.size()};
}

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
  const size_t first = chunks_.size();
  thread_local std::vector<ChunkPtr> sealed;
  thread_local std::vector<LateSample> retired_late;
  sealed.clear();
  retired_late.clear();
  CollectRetired(view, series->ref, &sealed, &retired_late);
  const size_t first_late = late_.size();
  AppendSeen(retired_late, snapshot, range, &late_);
  if (series->late() != nullptr) AppendSeen(series->late()->all, snapshot, range, &late_);
  SortLate(late_.begin() + static_cast<std::ptrdiff_t>(first_late), &late_);
  if (series->sealed != nullptr) {
    sealed.insert(sealed.end(), series->sealed->begin(), series->sealed->end());
  }
  for (ChunkPtr& chunk : sealed) {
    const chunk::ChunkView chunk_view = chunk->view();
    chunks_.push_back({chunk_view, std::move(chunk)});
  }
  if (series->HasOpen()) chunks_.push_back({series->OpenView(), nullptr});

  Hidden hidden = FindHidden(*series, snapshot);
  for (; hidden.tail > 0 && chunks_.size() > first;) {
    chunk::ChunkView& last = chunks_.back().view;
    const size_t n = std::min(hidden.tail, static_cast<size_t>(last.num_samples));
    last.num_samples -= static_cast<int>(n);
    hidden.tail -= n;
    if (last.num_samples == 0) chunks_.pop_back();
  }
  if (!hidden.scattered.empty()) {
    AddScattered(hidden.scattered, first);
  } else {
    chunks_.erase(std::remove_if(chunks_.begin() + static_cast<std::ptrdiff_t>(first),
                                 chunks_.end(),
                                 [&](const Chunk& c) { return !c.view.range.Overlaps(range); }),
                  chunks_.end());
    // Only now, when it is known to be wanted.
    if (chunks_.size() > first && chunks_.back().owner == nullptr) {
      chunks_.back().view.bytes = arena_.Copy(chunks_.back().view.bytes);
    }
  }
  if (chunks_.size() == first && late_.size() == first_late) return;
  const size_t first_start = starts_.size();
  if (starts_wanted_ && chunks_.size() > first) CollectStarts(view, *series, range, &starts_);
  series_.push_back(series);
  places_.push_back(static_cast<uint32_t>(parts_.size()) | kHasParts);
  parts_.push_back({static_cast<uint32_t>(first), static_cast<uint32_t>(chunks_.size() - first),
                    static_cast<uint32_t>(first_late),
                    static_cast<uint32_t>(late_.size() - first_late),
                    static_cast<uint32_t>(first_start),
                    static_cast<uint32_t>(starts_.size() - first_start)});
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
void HeadSelection::AddScattered(const std::vector<bool>& visible, size_t first_chunk) {
  MemSeries kept;
  HeadDelta delta;
  size_t left = 0;
  for (size_t i = first_chunk; i < chunks_.size(); ++i) {
    left += static_cast<size_t>(chunks_[i].view.num_samples);
  }
  const auto wanted = [&](model::TimeMs t) {  // Of each in turn.
    const bool sees = left > visible.size() || visible[visible.size() - left];
    --left;
    return sees && range_.Contains(t);
  };
  chunk::MixedColumns samples;
  for (size_t i = first_chunk; i < chunks_.size(); ++i) {
    samples.clear();
    chunk::Decode(chunks_[i].view, {}, &samples).IgnoreError();  // The head's own bytes.
    for (size_t k = 0; k < samples.floats.size(); ++k) {
      const model::Sample sample{samples.floats.times[k], samples.floats.values[k]};
      if (wanted(sample.t)) kept.Append(sample, 0, {}, &delta);
    }
    for (size_t k = 0; k < samples.histograms.size(); ++k) {
      const model::TimeMs t = samples.histograms.times[k];
      if (wanted(t)) kept.AppendHistogram({t, 0}, samples.histograms.values[k], 0, {}, &delta);
    }
  }
  chunks_.resize(first_chunk);
  kept.Seal(&delta);
  if (kept.sealed == nullptr) return;
  for (ChunkPtr& chunk : *kept.sealed) {
    const chunk::ChunkView view = chunk->view();
    chunks_.push_back({view, std::move(chunk)});
  }
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
  constexpr uint32_t kSeriesPerCheck = 256;
  labels_.reserve(series_.size());
  for (uint32_t n = 0; n < series_.size(); ++n) {
    if (n % kSeriesPerCheck == 0) RETURN_IF_ERROR(base::MemoryMeter::Check());
    labels_.push_back(CopyLabels(index, n, &arena_));
  }
  return absl::OkStatus();
}

model::LabelsView HeadSelection::CopyLabels(const HeadIndex& index, uint32_t n,
                                            ByteArena* arena) const {
  size_t size = 0;
  for (const PairId id : series_[n]->pairs) size += index.bytes(id).size();
  char* const begin = arena->Reserve(size);
  char* p = begin;
  for (const PairId id : series_[n]->pairs) {
    const std::string_view pair = index.bytes(id);
    std::memcpy(p, pair.data(), pair.size());
    p += pair.size();
  }
  return model::LabelsView(std::string_view(begin, size));
}

model::LabelsView HeadSelection::LateLabels(uint32_t n) const {
  absl::MutexLock lock(&mu_);
  const auto [it, added] = late_labels_.try_emplace(n);
  if (added) it->second = CopyLabels(*index_, n, &late_arena_);
  return it->second;
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
  const Parts& parts = PartsOf(Nth(i));
  for (uint32_t j = 0; j < parts.num_chunks; ++j) {
    const Chunk& chunk = chunks_[parts.first_chunk + j];
    if (!chunk.view.range.Overlaps(range)) continue;
    if (absl::Status status = chunk::Decode(chunk.view, range, out); !status.ok()) {
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
  const Parts& parts = PartsOf(Nth(i));
  if (parts.num_late == 0) return absl::OkStatus();
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
  const Parts& parts = PartsOf(Nth(i));
  if (parts.num_late == 0) return absl::OkStatus();
  chunk::MixedColumns merged = Late(parts, range);
  MergeMixed(*out, &merged);
  std::swap(*out, merged);
  return absl::OkStatus();
}

model::TimeRange HeadSelection::Extent(int i) const {
  if (const model::Sample* newest = Newest(Nth(i)); newest != nullptr) {
    return {newest->t, newest->t};
  }
  const Parts& parts = PartsOf(Nth(i));
  model::TimeRange extent = model::TimeRange::None();
  for (uint32_t j = 0; j < parts.num_chunks; ++j) {
    extent.Extend(chunks_[parts.first_chunk + j].view.range);
  }
  for (uint32_t j = 0; j < parts.num_late; ++j) {
    extent.Extend(late_[parts.first_late + j].sample.t);
  }
  return extent;
}

absl::Status HeadSelection::ReadStarts(int i, model::TimeRange range,
                                       model::StartRuns* out) const {
  out->clear();
  if (Newest(Nth(i)) != nullptr) return absl::OkStatus();
  const Parts& parts = PartsOf(Nth(i));
  const std::span in_order(starts_.data() + parts.first_start, parts.num_starts);
  const std::span late(late_.data() + parts.first_late, parts.num_late);
  const bool mixes = std::any_of(late.begin(), late.end(), [&](const LateSample& l) {
    return range.Contains(l.sample.t) && (l.start != 0 || parts.num_starts > 0);
  });
  if (!mixes) {
    model::AppendStarts(in_order, range, out);
    return absl::OkStatus();
  }
  chunk::MixedColumns samples;
  RETURN_IF_ERROR(ReadChunks(i, range, &samples));
  model::StartColumns merged, part;
  for (const LateSample& l : late) {
    if (!range.Contains(l.sample.t)) continue;
    merged.times.push_back(l.sample.t);
    merged.values.push_back(l.start);
  }
  model::AppendStartsAt(in_order, TimesOf(samples), &part);
  MergeStarts(part, &merged);  // As in ReadMixed.
  *out = model::ToRuns(merged);
  return absl::OkStatus();
}

chunk::MixedColumns HeadSelection::Late(const Parts& parts, model::TimeRange range) const {
  chunk::MixedColumns late;
  for (uint32_t j = 0; j < parts.num_late; ++j) {
    const LateSample& l = late_[parts.first_late + j];
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
  return late;
}

}  // namespace storage
