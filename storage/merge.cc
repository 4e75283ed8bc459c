#include "storage/merge.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <type_traits>

#include <absl/container/inlined_vector.h>

#include "storage/base/status.h"
#include "storage/model/reset_hints.h"

namespace storage {
namespace {

constexpr uint32_t kEnd = UINT32_MAX;

// One series of one part.
struct Place {
  uint32_t part, index;
};

// Merges lists of places two by two. A place that stands for equal ones in other lists heads a
// chain of them; chains are links between positions of one flat numbering of all places, so that
// no labels and no lists are copied. Equal lists, the usual case, shrink to one in the first round.
class Merger {
 public:
  explicit Merger(const std::vector<std::unique_ptr<Selection>>& parts) : parts_(parts) {
    uint32_t total = 0;
    for (const auto& part : parts_) {
      base_.push_back(total);
      total += static_cast<uint32_t>(part->size());
    }
    next_.assign(total, kEnd);
    last_.resize(total);
    for (uint32_t i = 0; i < total; ++i) last_[i] = i;
  }

  // Replaces *chains with the places of each series in the order of parts, one series after the
  // other in label order, and *ends with where each chain ends.
  void Run(std::vector<Place>* chains, std::vector<uint32_t>* ends) {
    std::vector<std::vector<Place>> lists;
    for (uint32_t part = 0; part < parts_.size(); ++part) {
      std::vector<Place>& list = lists.emplace_back(static_cast<size_t>(parts_[part]->size()));
      for (uint32_t i = 0; i < list.size(); ++i) list[i] = {part, i};
    }
    while (lists.size() > 1) {  // Neighbours, so that chains keep the order of parts.
      std::vector<std::vector<Place>> merged;
      for (size_t i = 0; i + 1 < lists.size(); i += 2) {
        merged.push_back(MergeTwo(lists[i], lists[i + 1]));
      }
      if (lists.size() % 2 == 1) merged.push_back(std::move(lists.back()));
      lists = std::move(merged);
    }
    chains->clear();
    ends->clear();
    chains->reserve(next_.size());
    for (const Place& head : lists.front()) {
      for (uint32_t i = Number(head); i != kEnd; i = next_[i]) chains->push_back(PlaceOf(i));
      ends->push_back(static_cast<uint32_t>(chains->size()));
    }
  }

 private:
  uint32_t Number(Place p) const { return base_[p.part] + p.index; }
  Place PlaceOf(uint32_t number) const {
    const auto it = std::upper_bound(base_.begin(), base_.end(), number) - 1;
    return {static_cast<uint32_t>(it - base_.begin()), number - *it};
  }
  model::LabelsView LabelsOf(Place p) const {
    return parts_[p.part]->labels(static_cast<int>(p.index));
  }

  std::vector<Place> MergeTwo(const std::vector<Place>& a, const std::vector<Place>& b) {
    std::vector<Place> out;
    out.reserve(std::max(a.size(), b.size()));
    size_t i = 0, j = 0;
    while (i < a.size() && j < b.size()) {
      const model::LabelsView left = LabelsOf(a[i]), right = LabelsOf(b[j]);
      if (left == right) {
        const uint32_t head = Number(a[i]), other = Number(b[j]);
        next_[last_[head]] = other;
        last_[head] = last_[other];
        out.push_back(a[i++]);
        ++j;
      } else {
        out.push_back(left < right ? a[i++] : b[j++]);
      }
    }
    out.insert(out.end(), a.begin() + static_cast<std::ptrdiff_t>(i), a.end());
    out.insert(out.end(), b.begin() + static_cast<std::ptrdiff_t>(j), b.end());
    return out;
  }

  const std::vector<std::unique_ptr<Selection>>& parts_;
  std::vector<uint32_t> base_;  // Number of the first place of each part.
  std::vector<uint32_t> next_;  // In its chain.
  std::vector<uint32_t> last_;  // Of the chain; right for its head only.
};

class MergedSelection final : public Selection {
 public:
  explicit MergedSelection(std::vector<std::unique_ptr<Selection>> parts)
      : parts_(std::move(parts)) {
    Merger(parts_).Run(&chains_, &ends_);
  }

  int size() const override { return static_cast<int>(ends_.size()); }

  model::LabelsView labels(int i) const override {
    const Place& place = chains_[Begin(i)];
    return parts_[place.part]->labels(static_cast<int>(place.index));
  }

  absl::Status Read(int i, model::TimeRange range, chunk::SampleColumns* out) const override {
    const size_t begin = Begin(i), end = ends_[static_cast<size_t>(i)];
    RETURN_IF_ERROR(ReadPlaces(begin, end, range, out));
    if (!out->histograms || end - begin == 1) return absl::OkStatus();
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
    const size_t first = Begin(i), end = ends_[static_cast<size_t>(i)];
    absl::InlinedVector<model::TimeMs, 64> least(end - first);  // Of a place and those behind it.
    for (size_t place = end; place-- > first;) {
      const model::TimeMs min = ExtentOf(place).min;
      least[place - first] = place + 1 == end ? min : std::min(min, least[place - first + 1]);
    }
    for (size_t begin = first, next; begin < end; begin = next) {
      next = begin + 1;
      for (model::TimeMs last = ExtentOf(begin).max; next < end; ++next) {
        if (least[next - first] > last) break;
        last = std::max(last, ExtentOf(next).max);
      }
      // The thread's buffer may be in use further up when a part is a merge itself.
      chunk::SampleColumns own = std::move(part);
      chunk::SampleColumns* const to = out->size() == 0 ? out : &own;
      const Place& p = chains_[begin];
      RETURN_IF_ERROR(next - begin == 1 ? parts_[p.part]->ReadThin(static_cast<int>(p.index), range,
                                                                   windows, to)
                                        : ReadPlaces(begin, next, range, to));
      const bool histograms = to->histograms;  // They may stand where a float does.
      if (to != out && !histograms) chunk::AppendLater(own, windows, out);
      part = std::move(own);
      if (histograms) return Read(i, range, out);
    }
    return absl::OkStatus();
  }

  model::TimeRange Extent(int i) const override {
    model::TimeRange extent = model::TimeRange::None();
    for (size_t place = Begin(i); place < ends_[static_cast<size_t>(i)]; ++place) {
      extent.Extend(ExtentOf(place));
    }
    return extent;
  }

  absl::Status ReadMixed(int i, model::TimeRange range, chunk::MixedColumns* out) const override {
    out->clear();
    chunk::MixedColumns part;
    for (size_t place = Begin(i); place < ends_[static_cast<size_t>(i)]; ++place) {
      const Place& p = chains_[place];
      RETURN_IF_ERROR(parts_[p.part]->ReadMixed(static_cast<int>(p.index), range, &part));
      MergeMixed(part, out);
    }
    return absl::OkStatus();
  }

  // Without the samples nobody knows whose start it is: they are read again where parts that have
  // starts meet others.
  absl::Status ReadStarts(int i, model::TimeRange range, model::StartRuns* out) const override {
    out->clear();
    const size_t begin = Begin(i), end = ends_[static_cast<size_t>(i)];
    std::vector<model::StartRuns> runs(end - begin);
    bool any = false;
    for (size_t place = begin; place < end; ++place) {
      const Place& p = chains_[place];
      model::StartRuns& part = runs[place - begin];
      RETURN_IF_ERROR(parts_[p.part]->ReadStarts(static_cast<int>(p.index), range, &part));
      any |= !part.empty();
    }
    if (!any) return absl::OkStatus();
    if (end - begin == 1) {
      *out = std::move(runs.front());
      return absl::OkStatus();
    }
    chunk::MixedColumns samples;
    model::StartColumns merged, part;
    for (size_t place = begin; place < end; ++place) {
      const Place& p = chains_[place];
      RETURN_IF_ERROR(parts_[p.part]->ReadMixed(static_cast<int>(p.index), range, &samples));
      part.clear();
      model::AppendStartsAt(runs[place - begin], TimesOf(samples), &part);
      MergeStarts(part, &merged);
    }
    *out = model::ToRuns(merged);
    return absl::OkStatus();
  }

 private:
  size_t Begin(int i) const { return i == 0 ? 0 : ends_[static_cast<size_t>(i) - 1]; }
  model::TimeRange ExtentOf(size_t place) const {
    const Place& p = chains_[place];
    return parts_[p.part]->Extent(static_cast<int>(p.index));
  }
  // Places [begin, end) of one chain. Where there are histograms, floats may be wrong.
  absl::Status ReadPlaces(size_t begin, size_t end, model::TimeRange range,
                          chunk::SampleColumns* out) const {
    RETURN_IF_ERROR(ReadPart(begin, range, out));
    thread_local chunk::SampleColumns part;
    for (size_t place = begin + 1; place < end; ++place) {
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
  absl::Status ReadPart(size_t place, model::TimeRange range, chunk::SampleColumns* out) const {
    const Place& p = chains_[place];
    return parts_[p.part]->Read(static_cast<int>(p.index), range, out);
  }

  const std::vector<std::unique_ptr<Selection>> parts_;
  std::vector<Place> chains_;
  std::vector<uint32_t> ends_;
};

class MergedQuerier final : public Querier {
 public:
  explicit MergedQuerier(std::vector<std::unique_ptr<Querier>> parts) : parts_(std::move(parts)) {}

  absl::StatusOr<std::unique_ptr<Selection>> Select(const SelectRequest& request) override {
    std::vector<std::unique_ptr<Selection>> selections;
    for (const auto& part : parts_) {
      SelectRequest asked = request;
      if (part != parts_.back() || !selections.empty()) {  // Merging goes by labels, in order.
        asked.few_labels = asked.any_order = false;
      }
      ASSIGN_OR_RETURN(std::unique_ptr<Selection> selection, part->Select(asked));
      if (selection->size() > 0) selections.push_back(std::move(selection));
    }
    return MergeSelections(std::move(selections));
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
