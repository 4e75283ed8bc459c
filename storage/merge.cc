#include "storage/merge.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <span>
#include <type_traits>
#include <utility>

#include <absl/container/inlined_vector.h>

#include "storage/base/memory_meter.h"
#include "storage/base/status.h"
#include "storage/kept_labels.h"
#include "storage/model/reset_hints.h"

namespace storage {
namespace {

using Parts = std::vector<std::unique_ptr<Selection>>;

constexpr uint32_t kEnd = UINT32_MAX;
constexpr size_t kSeriesPerCheck = 256;  // Of what a request may take.

// One series of one part.
struct Place {
  uint32_t part, index;
};

// All places of all parts, numbered through.
class Places {
 public:
  explicit Places(const Parts& parts) {
    for (const auto& part : parts) {
      begin_.push_back(total_);
      total_ += static_cast<uint32_t>(part->size());
    }
  }
  uint32_t total() const { return total_; }
  uint32_t Number(Place p) const { return begin_[p.part] + p.index; }
  Place operator[](uint32_t number) const {
    const auto it = std::upper_bound(begin_.begin(), begin_.end(), number) - 1;
    return {static_cast<uint32_t>(it - begin_.begin()), number - *it};
  }

 private:
  std::vector<uint32_t> begin_;  // By part.
  uint32_t total_ = 0;
};

// Goes through the labels of places. Those of two parts may be held at a time.
class PlaceLabels {
 public:
  PlaceLabels(const Parts& parts, const Places& places) : places_(places) {
    for (const auto& part : parts) readers_.push_back(part->ReadLabels());
  }
  model::LabelsView At(uint32_t number) {
    const Place place = places_[number];
    return readers_[place.part]->At(static_cast<int>(place.index));
  }

 private:
  const Places& places_;
  std::vector<std::unique_ptr<LabelsReader>> readers_;  // By part.
};

// Merges lists of places two by two. A place that stands for equal ones in other lists heads a
// chain of them; chains are links between the numbers of places, so that no labels and no lists are
// copied. Equal lists, the usual case, shrink to one in the first round.
class Merger {
 public:
  using List = std::vector<uint32_t>;  // Of places, in label order.

  Merger(const Parts& parts, const Places& places) : places_(places), labels_(parts, places) {
    next_.assign(places_.total(), kEnd);
    last_.resize(places_.total());
    for (uint32_t i = 0; i < last_.size(); ++i) last_[i] = i;
    for (uint32_t part = 0; part < parts.size(); ++part) {
      List& list = lists_.emplace_back(static_cast<size_t>(parts[part]->size()));
      for (uint32_t i = 0; i < list.size(); ++i) list[i] = places_.Number({part, i});
    }
  }

  // Replaces *heads with the first place of each series, in label order, and *next, by number, with
  // the place of the same series in the next part that has it, or kEnd.
  void Run(std::vector<uint32_t>* heads, std::vector<uint32_t>* next) {
    while (lists_.size() > 1) {  // Neighbours, so that chains keep the order of parts.
      std::vector<List> merged;
      for (size_t i = 0; i + 1 < lists_.size(); i += 2) {
        merged.push_back(MergeTwo(std::exchange(lists_[i], {}), std::exchange(lists_[i + 1], {})));
      }
      if (lists_.size() % 2 == 1) merged.push_back(std::move(lists_.back()));
      lists_ = std::move(merged);
    }
    *heads = std::move(lists_.front());
    *next = std::move(next_);
  }

 private:
  List MergeTwo(List a, List b) {  // Which go with the call.
    List out;
    out.reserve(std::max(a.size(), b.size()));
    size_t i = 0, j = 0;
    model::LabelsView left, right;
    if (!a.empty()) left = labels_.At(a.front());
    if (!b.empty()) right = labels_.At(b.front());
    const auto step = [&](const List& list, size_t* at, model::LabelsView* labels) {
      if (++*at < list.size()) *labels = labels_.At(list[*at]);
    };
    while (i < a.size() && j < b.size()) {
      if (left == right) {
        next_[last_[a[i]]] = b[j];
        last_[a[i]] = last_[b[j]];
        out.push_back(a[i]);
        step(a, &i, &left);
        step(b, &j, &right);
      } else if (left < right) {
        out.push_back(a[i]);
        step(a, &i, &left);
      } else {
        out.push_back(b[j]);
        step(b, &j, &right);
      }
    }
    out.insert(out.end(), a.begin() + static_cast<std::ptrdiff_t>(i), a.end());
    out.insert(out.end(), b.begin() + static_cast<std::ptrdiff_t>(j), b.end());
    return out;
  }

  const Places& places_;
  PlaceLabels labels_;
  std::vector<List> lists_;
  std::vector<uint32_t> next_;  // In its chain.
  std::vector<uint32_t> last_;  // Of the chain; right for its head only.
};

class MergedSelection final : public Selection {
 public:
  explicit MergedSelection(Parts parts) : parts_(std::move(parts)), places_(parts_) {
    Merger(parts_, places_).Run(&heads_, &next_);
  }

  int size() const override { return static_cast<int>(heads_.size()); }

  model::LabelsView labels(int i) const override {
    if (labels_.has_all()) return labels_[static_cast<size_t>(i)];
    const Place place = places_[heads_[static_cast<size_t>(i)]];
    return parts_[place.part]->labels(static_cast<int>(place.index));
  }

  std::unique_ptr<LabelsReader> ReadLabels() const override {
    class Reader final : public LabelsReader {
     public:
      explicit Reader(const MergedSelection* merged)
          : merged_(merged), labels_(merged->parts_, merged->places_) {}
      model::LabelsView At(int i) override {
        return labels_.At(merged_->heads_[static_cast<size_t>(i)]);
      }

     private:
      const MergedSelection* const merged_;
      PlaceLabels labels_;
    };
    if (labels_.has_all()) return Selection::ReadLabels();
    return std::make_unique<Reader>(this);
  }

  absl::Status KeepLabels() override {
    PlaceLabels labels(parts_, places_);
    labels_.Reserve(heads_.size());
    for (size_t i = 0; i < heads_.size(); ++i) {
      if (i % kSeriesPerCheck == 0) RETURN_IF_ERROR(base::MemoryMeter::Check());
      labels_.Append(labels.At(heads_[i]));
    }
    return absl::OkStatus();
  }

  absl::Status Read(int i, model::TimeRange range, chunk::SampleColumns* out) const override {
    const Chain chain = ChainOf(i);
    RETURN_IF_ERROR(ReadPlaces(chain, range, out));
    if (!out->histograms || chain.size() == 1) return absl::OkStatus();
    chunk::MixedColumns mixed;  // A later histogram may stand where a float does.
    RETURN_IF_ERROR(ReadMixed(i, range, &mixed));
    *out = std::move(mixed.floats);
    out->histograms = true;
    return absl::OkStatus();
  }

  // Parts that are later than all before them, the usual case, are read thin one by one; the others
  // are merged first. The head comes last, and what came late to it may lie before any block.
  absl::Status ReadThin(int i, model::TimeRange range, const chunk::Windows& windows,
                        chunk::SampleColumns* out) const override {
    thread_local chunk::SampleColumns part;
    out->clear();
    const Chain chain = ChainOf(i);
    absl::InlinedVector<model::TimeMs, 64> least(chain.size());  // Of a place and those behind it.
    for (size_t k = chain.size(); k-- > 0;) {
      const model::TimeMs min = ExtentOf(chain[k]).min;
      least[k] = k + 1 == chain.size() ? min : std::min(min, least[k + 1]);
    }
    for (size_t begin = 0, next; begin < chain.size(); begin = next) {
      next = begin + 1;
      for (model::TimeMs last = ExtentOf(chain[begin]).max; next < chain.size(); ++next) {
        if (least[next] > last) break;
        last = std::max(last, ExtentOf(chain[next]).max);
      }
      // The thread's buffer may be in use further up when a part is a merge itself.
      chunk::SampleColumns own = std::move(part);
      chunk::SampleColumns* const to = out->size() == 0 ? out : &own;
      const Place& p = chain[begin];
      RETURN_IF_ERROR(
          next - begin == 1
              ? parts_[p.part]->ReadThin(static_cast<int>(p.index), range, windows, to)
              : ReadPlaces(std::span(chain).subspan(begin, next - begin), range, to));
      const bool histograms = to->histograms;  // They may stand where a float does.
      if (to != out && !histograms) chunk::AppendLater(own, windows, out);
      part = std::move(own);
      if (histograms) return Read(i, range, out);
    }
    return absl::OkStatus();
  }

  model::TimeRange Extent(int i) const override {
    model::TimeRange extent = model::TimeRange::None();
    for (const Place& place : ChainOf(i)) extent.Extend(ExtentOf(place));
    return extent;
  }

  absl::Status ReadMixed(int i, model::TimeRange range, chunk::MixedColumns* out) const override {
    out->clear();
    chunk::MixedColumns part;
    for (const Place& p : ChainOf(i)) {
      RETURN_IF_ERROR(parts_[p.part]->ReadMixed(static_cast<int>(p.index), range, &part));
      MergeMixed(part, out);
    }
    return absl::OkStatus();
  }

  // Without the samples nobody knows whose start it is: they are read again where parts that have
  // starts meet others.
  absl::Status ReadStarts(int i, model::TimeRange range, model::StartRuns* out) const override {
    out->clear();
    const Chain chain = ChainOf(i);
    std::vector<model::StartRuns> runs(chain.size());
    bool any = false;
    for (size_t k = 0; k < chain.size(); ++k) {
      const Place& p = chain[k];
      RETURN_IF_ERROR(parts_[p.part]->ReadStarts(static_cast<int>(p.index), range, &runs[k]));
      any |= !runs[k].empty();
    }
    if (!any) return absl::OkStatus();
    if (chain.size() == 1) {
      *out = std::move(runs.front());
      return absl::OkStatus();
    }
    chunk::MixedColumns samples;
    model::StartColumns merged, part;
    for (size_t k = 0; k < chain.size(); ++k) {
      const Place& p = chain[k];
      RETURN_IF_ERROR(parts_[p.part]->ReadMixed(static_cast<int>(p.index), range, &samples));
      part.clear();
      model::AppendStartsAt(runs[k], TimesOf(samples), &part);
      MergeStarts(part, &merged);
    }
    *out = model::ToRuns(merged);
    return absl::OkStatus();
  }

 private:
  using Chain = absl::InlinedVector<Place, 16>;  // The places of one series, in the order of parts.

  Chain ChainOf(int i) const {
    Chain chain;
    for (uint32_t n = heads_[static_cast<size_t>(i)]; n != kEnd; n = next_[n]) {
      chain.push_back(places_[n]);
    }
    return chain;
  }
  model::TimeRange ExtentOf(const Place& p) const {
    return parts_[p.part]->Extent(static_cast<int>(p.index));
  }
  // Where there are histograms, floats may be wrong.
  absl::Status ReadPlaces(std::span<const Place> places, model::TimeRange range,
                          chunk::SampleColumns* out) const {
    RETURN_IF_ERROR(ReadPart(places.front(), range, out));
    thread_local chunk::SampleColumns part;
    for (const Place& place : places.subspan(1)) {
      // The thread's buffer may be in use further up when a part is a merge itself.
      chunk::SampleColumns own = std::move(part);
      const absl::Status status = ReadPart(place, range, &own);
      if (status.ok()) MergeColumns(own, out);
      out->histograms = out->histograms || own.histograms;
      part = std::move(own);
      RETURN_IF_ERROR(status);
    }
    return absl::OkStatus();
  }
  absl::Status ReadPart(const Place& p, model::TimeRange range, chunk::SampleColumns* out) const {
    return parts_[p.part]->Read(static_cast<int>(p.index), range, out);
  }

  const Parts parts_;
  const Places places_;
  std::vector<uint32_t> heads_, next_;  // See Merger.
  KeptLabels labels_;                   // Empty when the parts' will do.
};

class MergedQuerier final : public Querier {
 public:
  explicit MergedQuerier(std::vector<std::unique_ptr<Querier>> parts) : parts_(std::move(parts)) {}

  absl::StatusOr<std::unique_ptr<Selection>> Select(const SelectRequest& request) override {
    std::vector<std::unique_ptr<Selection>> selections;
    for (const auto& part : parts_) {
      SelectRequest asked = request;
      asked.few_labels = true;  // Merged series need no more than one part's, if any.
      if (part != parts_.back() || !selections.empty()) asked.any_order = false;  // Merging needs it.
      ASSIGN_OR_RETURN(std::unique_ptr<Selection> selection, part->Select(asked));
      if (selection->size() > 0) selections.push_back(std::move(selection));
    }
    std::unique_ptr<Selection> merged = MergeSelections(std::move(selections));
    if (!request.few_labels) RETURN_IF_ERROR(merged->KeepLabels());
    return merged;
  }

  absl::StatusOr<std::vector<std::string>> LabelNames(Matchers matchers, size_t limit) override {
    return Gather(limit, [&](Querier& part) { return part.LabelNames(matchers, limit); });
  }
  absl::StatusOr<std::vector<std::string>> LabelValues(std::string_view name, Matchers matchers,
                                                       size_t limit) override {
    return Gather(limit, [&](Querier& part) { return part.LabelValues(name, matchers, limit); });
  }

  std::vector<std::string> Warnings() const override {
    std::vector<std::string> all;
    for (const auto& part : parts_) {
      for (std::string& warning : part->Warnings()) all.push_back(std::move(warning));
    }
    return all;
  }

 private:
  // The sorted union of sorted lists.
  template <class Ask>
  absl::StatusOr<std::vector<std::string>> Gather(size_t limit, Ask ask) {
    std::vector<std::string> all;
    for (const auto& part : parts_) {
      ASSIGN_OR_RETURN(std::vector<std::string> list, ask(*part));
      std::vector<std::string> merged;
      merged.reserve(std::max(all.size(), list.size()));
      std::set_union(std::make_move_iterator(all.begin()), std::make_move_iterator(all.end()),
                     std::make_move_iterator(list.begin()), std::make_move_iterator(list.end()),
                     std::back_inserter(merged));
      if (limit != 0 && merged.size() > limit) merged.resize(limit);
      all = std::move(merged);
    }
    return all;
  }

  const std::vector<std::unique_ptr<Querier>> parts_;
};

class NoSeries final : public Selection {
 public:
  int size() const override { return 0; }
  model::LabelsView labels(int) const override { return {}; }
  absl::Status Read(int, model::TimeRange, chunk::SampleColumns* out) const override {
    out->clear();
    return absl::OkStatus();
  }
};

}  // namespace

std::unique_ptr<Selection> MergeSelections(std::vector<std::unique_ptr<Selection>> parts) {
  if (parts.empty()) return std::make_unique<NoSeries>();
  if (parts.size() == 1) return std::move(parts.front());
  return std::make_unique<MergedSelection>(std::move(parts));
}

std::unique_ptr<Querier> MergeQueriers(std::vector<std::unique_ptr<Querier>> parts) {
  if (parts.size() == 1) return std::move(parts.front());
  return std::make_unique<MergedQuerier>(std::move(parts));
}

namespace {

// For a value that another than before stands in front of: floats and start times do not mind, but a
// histogram cannot say any longer that no reset lies between the two.
void StandsElsewhere(double*) {}
void StandsElsewhere(model::TimeMs*) {}
void StandsElsewhere(model::AnyHistogram* h) { model::ForgetNotReset(h); }

template <class Columns>
void MergeOneKind(const Columns& later, Columns* columns) {
  if (later.times.empty()) return;
  auto& times = columns->times;
  auto& values = columns->values;
  if (times.empty() || times.back() < later.times.front()) {
    const size_t before = values.size();
    times.insert(times.end(), later.times.begin(), later.times.end());
    values.insert(values.end(), later.values.begin(), later.values.end());
    if (before > 0) StandsElsewhere(&values[before]);
    return;
  }
  // What lies before the overlap stays where it is; the rest is merged again behind it.
  const auto keep = static_cast<size_t>(
      std::lower_bound(times.begin(), times.end(), later.times.front()) - times.begin());
  const auto keep_end = static_cast<std::ptrdiff_t>(keep);
  const std::vector<model::TimeMs> old_times(times.begin() + keep_end, times.end());
  std::remove_reference_t<decltype(values)> old_values(
      std::make_move_iterator(values.begin() + keep_end), std::make_move_iterator(values.end()));
  times.resize(keep);
  values.resize(keep);
  size_t i = 0, j = 0;
  bool took_old = true;
  while (i < old_times.size() || j < later.size()) {
    const bool take_old = j == later.size() ||
                          (i < old_times.size() && old_times[i] < later.times[j]);
    if (!take_old && i < old_times.size() && old_times[i] == later.times[j]) ++i;
    times.push_back(take_old ? old_times[i] : later.times[j]);
    if (take_old) {
      values.push_back(std::move(old_values[i++]));
    } else {
      values.push_back(later.values[j++]);
    }
    if (take_old != took_old) StandsElsewhere(&values.back());
    took_old = take_old;
  }
}

// Takes the samples at `times`, which ascend, out of *columns.
template <class Columns>
void LeaveOut(const std::vector<model::TimeMs>& times, Columns* columns) {
  if (times.empty() || columns->times.empty()) return;
  size_t kept = 0;
  for (size_t i = 0; i < columns->size(); ++i) {
    if (std::binary_search(times.begin(), times.end(), columns->times[i])) continue;
    if (kept != i) {
      columns->times[kept] = columns->times[i];
      columns->values[kept] = std::move(columns->values[i]);
    }
    ++kept;
  }
  columns->times.resize(kept);
  columns->values.resize(kept);
}

}  // namespace

void MergeColumns(const chunk::SampleColumns& later, chunk::SampleColumns* columns) {
  MergeOneKind(later, columns);
}

void MergeStarts(const model::StartColumns& later, model::StartColumns* columns) {
  MergeOneKind(later, columns);
}

std::vector<model::TimeMs> TimesOf(const chunk::MixedColumns& columns) {
  std::vector<model::TimeMs> times(columns.size());
  std::merge(columns.floats.times.begin(), columns.floats.times.end(),
             columns.histograms.times.begin(), columns.histograms.times.end(), times.begin());
  return times;
}

void MergeMixed(const chunk::MixedColumns& later, chunk::MixedColumns* columns) {
  LeaveOut(later.histograms.times, &columns->floats);
  LeaveOut(later.floats.times, &columns->histograms);
  MergeOneKind(later.floats, &columns->floats);
  MergeOneKind(later.histograms, &columns->histograms);
}

}  // namespace storage
