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

// A time that the source did not give does not make an exemplar a new one.
bool IsSame(const model::Exemplar& a, const model::Exemplar& b) {
  return a.labels == b.labels && a.value == b.value &&
         (a.t == b.t || (!a.has_time && !b.has_time));
}

}  // namespace

ExemplarRing::ExemplarRing(int64_t capacity)
    : capacity_(static_cast<size_t>(std::clamp<int64_t>(capacity, 0, kNowhere))) {}

ExemplarRing::Verdict ExemplarRing::JudgeLocked(SeriesRef ref, const model::Exemplar& e,
                                                int64_t window_ms) const {
  if (capacity_ == 0 || !LabelsFit(e.labels)) return Verdict::kRefused;
  const auto it = series_.find(ref);
  if (it == series_.end()) return Verdict::kNew;
  const model::Exemplar& newest = ring_[it->second.newest].exemplar;
  if (IsSame(e, newest)) return Verdict::kRepeat;
  if (e.t > newest.t) return Verdict::kNew;
  if (e.t == newest.t) {
    const bool before =
        e.value == newest.value ? e.labels < newest.labels : e.value < newest.value;
    return before ? Verdict::kRefused : Verdict::kNew;
  }
  const uint64_t behind = static_cast<uint64_t>(newest.t) - static_cast<uint64_t>(e.t);
  if (window_ms <= 0 || behind >= static_cast<uint64_t>(window_ms)) return Verdict::kRefused;
  const Place before = NotAfter(ref, e.t);
  const bool same_time = before != kNowhere && ring_[before].exemplar.t == e.t;
  return same_time ? Verdict::kRepeat : Verdict::kNew;
}

ExemplarRing::Verdict ExemplarRing::Judge(SeriesRef ref, const model::Exemplar& exemplar,
                                          int64_t window_ms) const {
  absl::ReaderMutexLock lock(&mu_);
  return JudgeLocked(ref, exemplar, window_ms);
}

ExemplarRing::Verdict ExemplarRing::Add(SeriesRef ref, model::Exemplar exemplar,
                                        int64_t window_ms) {
  absl::MutexLock lock(&mu_);
  const Verdict verdict = JudgeLocked(ref, exemplar, window_ms);
  if (verdict == Verdict::kNew) Insert(ref, std::move(exemplar), State::kHeld);
  return verdict;
}

void ExemplarRing::AddReplayed(SeriesRef ref, model::Exemplar exemplar) {
  if (capacity_ == 0) return;
  absl::MutexLock lock(&mu_);
  for (Place place = NotAfter(ref, exemplar.t);
       place != kNowhere && ring_[place].exemplar.t == exemplar.t; place = ring_[place].older) {
    if (Compare(ring_[place].exemplar, exemplar) == 0) return;
  }
  Insert(ref, std::move(exemplar), State::kHeld);
}

void ExemplarRing::AddFlushed(SeriesRef ref, model::Exemplar exemplar) {
  if (capacity_ == 0) return;
  absl::MutexLock lock(&mu_);
  const auto it = series_.find(ref);
  if (it != series_.end() && Compare(ring_[it->second.newest].exemplar, exemplar) >= 0) return;
  Insert(ref, std::move(exemplar), State::kFlushed);
}

ExemplarRing::Place ExemplarRing::NotAfter(SeriesRef ref, model::TimeMs t) const {
  const auto it = series_.find(ref);
  if (it == series_.end()) return kNowhere;
  Place place = it->second.newest;
  while (place != kNowhere && ring_[place].exemplar.t > t) place = ring_[place].older;
  return place;
}

void ExemplarRing::Insert(SeriesRef ref, model::Exemplar exemplar, State state) {
  size_t at = ring_.size();
  if (at < capacity_) {
    ring_.emplace_back();
  } else {
    at = next_;
    next_ = (next_ + 1) % capacity_;
    Remove(static_cast<Place>(at));
  }
  const auto place = static_cast<Place>(at);
  const Place older = NotAfter(ref, exemplar.t);
  Ends& ends = series_[ref];
  const Place newer = older == kNowhere ? ends.oldest : ring_[older].newer;
  ring_[place] = {ref, state, older, newer, next_number_++, std::move(exemplar)};
  without_block_ += state != State::kFlushed;
  (older == kNowhere ? ends.oldest : ring_[older].newer) = place;
  (newer == kNowhere ? ends.newest : ring_[newer].older) = place;
}

void ExemplarRing::Remove(Place place) {
  Entry& entry = ring_[place];
  if (entry.ref == SeriesRef::kNone) return;
  const auto it = series_.find(entry.ref);
  Ends& ends = it->second;
  (entry.older == kNowhere ? ends.oldest : ring_[entry.older].newer) = entry.newer;
  (entry.newer == kNowhere ? ends.newest : ring_[entry.newer].older) = entry.older;
  if (ends.newest == kNowhere) series_.erase(it);
  without_block_ -= entry.state != State::kFlushed;
  entry = Entry();
}

void ExemplarRing::CloseGaps() {
  std::vector<Place> moved(ring_.size(), kNowhere);
  std::vector<Entry> kept;
  for (size_t i = 0; i < ring_.size(); ++i) {
    const size_t place = (next_ + i) % ring_.size();
    if (ring_[place].ref == SeriesRef::kNone) continue;
    moved[place] = static_cast<Place>(kept.size());
    kept.push_back(std::move(ring_[place]));
  }
  const auto follow = [&](Place* place) {
    if (*place != kNowhere) *place = moved[*place];
  };
  for (Entry& entry : kept) {
    follow(&entry.older);
    follow(&entry.newer);
  }
  for (auto& [ref, ends] : series_) {
    follow(&ends.oldest);
    follow(&ends.newest);
  }
  ring_ = std::move(kept);
  next_ = 0;
}

void ExemplarRing::ForEach(
    absl::FunctionRef<void(SeriesRef, const model::Exemplar&)> visit) const {
  absl::ReaderMutexLock lock(&mu_);
  for (size_t i = 0; i < ring_.size(); ++i) {
    const Entry& entry = ring_[(next_ + i) % ring_.size()];
    if (entry.ref != SeriesRef::kNone && entry.state != State::kFlushed) {
      visit(entry.ref, entry.exemplar);
    }
  }
}

size_t ExemplarRing::size() const {
  absl::ReaderMutexLock lock(&mu_);
  return ring_.size();
}

void ExemplarRing::Cut() {
  absl::MutexLock lock(&mu_);
  cut_ = next_number_;
}

ExemplarRing::BySeries ExemplarRing::GiveOut() {
  BySeries out;
  absl::MutexLock lock(&mu_);
  for (const auto& [ref, ends] : series_) {
    for (Place place = ends.oldest; place != kNowhere; place = ring_[place].newer) {
      Entry& entry = ring_[place];
      if (entry.state == State::kFlushed || entry.number >= cut_) continue;
      entry.state = State::kGivenOut;
      out[ref].push_back(entry.exemplar);
    }
  }
  for (auto& [ref, exemplars] : out) SortUnique(&exemplars);
  return out;
}

void ExemplarRing::ForEachBeforeCut(
    absl::FunctionRef<void(SeriesRef, const model::Exemplar&, bool)> visit) const {
  absl::ReaderMutexLock lock(&mu_);
  const auto is_newest = [&](const Entry& entry) {
    for (Place place = entry.newer; place != kNowhere; place = ring_[place].newer) {
      if (ring_[place].number < cut_) return false;
    }
    return true;
  };
  for (size_t i = 0; i < ring_.size(); ++i) {
    const Entry& entry = ring_[(next_ + i) % ring_.size()];
    if (entry.ref == SeriesRef::kNone || entry.number >= cut_) continue;
    const bool given_out = entry.state != State::kHeld;
    if (!given_out || is_newest(entry)) visit(entry.ref, entry.exemplar, given_out);
  }
}

void ExemplarRing::DropGivenOut() {
  absl::MutexLock lock(&mu_);
  for (Place place = 0; place < ring_.size(); ++place) {
    Entry& entry = ring_[place];
    if (entry.state == State::kGivenOut) {
      entry.state = State::kFlushed;
      --without_block_;
    }
    if (entry.state == State::kFlushed && entry.newer != kNowhere) Remove(place);
  }
  CloseGaps();
}

absl::flat_hash_set<SeriesRef> ExemplarRing::WithoutBlock() const {
  absl::flat_hash_set<SeriesRef> refs;
  ForEach([&](SeriesRef ref, const model::Exemplar&) { refs.insert(ref); });
  return refs;
}

void ExemplarRing::Forget(const Postings& gone) {
  if (gone.empty()) return;
  absl::MutexLock lock(&mu_);
  for (Place place = 0; place < ring_.size(); ++place) {
    if (std::binary_search(gone.begin(), gone.end(), ring_[place].ref)) Remove(place);
  }
  CloseGaps();
}

}  // namespace storage
