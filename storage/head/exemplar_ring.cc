#include "storage/head/exemplar_ring.h"

#include <algorithm>
#include <utility>

namespace storage {
namespace {

size_t CountRunes(std::string_view s) {
  return static_cast<size_t>(
      std::count_if(s.begin(), s.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

bool LabelsFit(const model::Labels& labels) {
  size_t runes = 0;
  for (const model::Label& label : labels) runes += CountRunes(label.name) + CountRunes(label.value);
  return runes <= ExemplarRing::kMaxLabelRunes;
}

// After `last`, in the order of time, value, labels. A time that the source did not give does not
// make an exemplar a new one.
bool IsNewer(const model::Exemplar& e, const model::Exemplar& last) {
  if (e.labels == last.labels && e.value == last.value &&
      (e.t == last.t || (!e.has_time && !last.has_time))) {
    return false;
  }
  if (e.t != last.t) return e.t > last.t;
  if (e.value != last.value) return !(e.value < last.value);
  return e.labels > last.labels;
}

}  // namespace

bool ExemplarRing::AcceptsLocked(SeriesRef ref, const model::Exemplar& exemplar) const {
  const auto it = newest_.find(ref);
  return it == newest_.end() || IsNewer(exemplar, ring_[it->second].exemplar);
}

bool ExemplarRing::Accepts(SeriesRef ref, const model::Exemplar& exemplar) const {
  if (capacity_ == 0 || !LabelsFit(exemplar.labels)) return false;
  absl::ReaderMutexLock lock(&mu_);
  return AcceptsLocked(ref, exemplar);
}

bool ExemplarRing::Add(SeriesRef ref, model::Exemplar exemplar) {
  if (capacity_ == 0 || !LabelsFit(exemplar.labels)) return false;
  absl::MutexLock lock(&mu_);
  if (!AcceptsLocked(ref, exemplar)) return false;
  size_t place = ring_.size();
  if (place < capacity_) {
    ring_.emplace_back();
  } else {
    place = next_;
    next_ = (next_ + 1) % capacity_;
    const auto old = newest_.find(ring_[place].ref);
    if (old != newest_.end() && old->second == place) newest_.erase(old);
  }
  ring_[place] = {ref, std::move(exemplar)};
  newest_[ref] = place;
  return true;
}

void ExemplarRing::ForEach(
    absl::FunctionRef<void(SeriesRef, const model::Exemplar&)> visit) const {
  absl::ReaderMutexLock lock(&mu_);
  for (size_t i = 0; i < ring_.size(); ++i) {
    const Entry& entry = ring_[(next_ + i) % ring_.size()];
    if (entry.ref != SeriesRef::kNone) visit(entry.ref, entry.exemplar);
  }
}

size_t ExemplarRing::size() const {
  absl::ReaderMutexLock lock(&mu_);
  return static_cast<size_t>(std::count_if(ring_.begin(), ring_.end(), [](const Entry& entry) {
    return entry.ref != SeriesRef::kNone;
  }));
}

void ExemplarRing::Forget(const Postings& gone) {
  if (gone.empty()) return;
  absl::MutexLock lock(&mu_);
  for (Entry& entry : ring_) {
    if (!std::binary_search(gone.begin(), gone.end(), entry.ref)) continue;
    newest_.erase(entry.ref);
    entry = Entry();
  }
}

}  // namespace storage
