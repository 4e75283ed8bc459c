#include "storage/index/head_index.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "storage/base/coding.h"

namespace storage {
namespace {

// One pair of canonical bytes, taken from the front of *rest.
std::string_view TakePair(std::string_view* rest) {
  const char* begin = rest->data();
  std::string_view text;
  if (!base::GetString(rest, &text) || !base::GetString(rest, &text)) *rest = {};
  return {begin, static_cast<size_t>((rest->data() == nullptr ? begin : rest->data()) - begin)};
}

}  // namespace

HeadIndex::HeadIndex() : by_bytes_(0, PairHash{this}, PairEq{this}) {}
HeadIndex::~HeadIndex() = default;

std::string_view HeadIndex::bytes(PairId id) const {
  const Pair& pair = at(id);
  return {pair.bytes, pair.size};
}

model::Label HeadIndex::label(PairId id) const {
  std::string_view rest = bytes(id);
  model::Label label;
  if (!base::GetString(&rest, &label.name) || !base::GetString(&rest, &label.value)) return {};
  return label;
}

void HeadIndex::AppendLabels(PairIds pairs, std::string* canonical) const {
  for (const PairId id : pairs) canonical->append(bytes(id));
}

bool HeadIndex::Less(PairIds a, PairIds b) const {
  auto i = a.begin(), j = b.begin();
  for (; i != a.end() && j != b.end(); ++i, ++j) {
    if (*i == *j) continue;
    const model::Label x = label(*i), y = label(*j);
    return x.name != y.name ? x.name < y.name : x.value < y.value;
  }
  return i == a.end() && j != b.end();
}

const char* HeadIndex::Keep(std::string_view bytes) {
  char* const kept = pool_.Take(bytes.size());
  std::memcpy(kept, bytes.data(), bytes.size());
  return kept;
}

PairId HeadIndex::NewPair(std::string_view bytes) {
  PairId id;
  if (free_ids_.empty()) {
    id = PairId{num_ids_++};
    pairs_.Grow(num_ids_);
  } else {
    id = free_ids_.back();
    free_ids_.pop_back();
  }
  Pair& pair = at(id);
  pair.bytes = Keep(bytes);
  pair.size = static_cast<uint32_t>(bytes.size());

  const std::string_view name = label(id).name;
  auto it = names_.find(name);
  if (it == names_.end()) {
    it = names_.emplace(std::string(name), std::make_unique<Name>()).first;
    it->second->pairs = absl::btree_set<PairId, ByValue>(ByValue{this});
  }
  it->second->pairs.insert(id);
  by_bytes_.insert(id);
  return id;
}

void HeadIndex::FreePair(PairId id) {
  Pair& pair = at(id);
  by_bytes_.erase(id);
  const auto name = names_.find(label(id).name);
  name->second->pairs.erase(id);
  if (name->second->pairs.empty()) names_.erase(name);
  pool_.GiveBack(pair.bytes, pair.size);
  pair = Pair();
  free_ids_.push_back(id);
}

PairIds HeadIndex::Intern(model::LabelsView labels, std::vector<PairId>* ids) {
  thread_local std::string encoded;
  size_t place = 0;
  absl::MutexLock lock(&mu_);
  for (std::string_view rest = labels.bytes(); !rest.empty(); ++place) {
    const std::string_view bytes = TakePair(&rest);
    if (place == ids->size()) ids->push_back(PairId{num_ids_});
    PairId& id = (*ids)[place];
    const bool same = static_cast<uint32_t>(id) < num_ids_ && at(id).references > 0 &&
                      this->bytes(id) == bytes;
    if (!same) {
      const auto it = by_bytes_.find(bytes);
      id = it != by_bytes_.end() ? *it : NewPair(bytes);
    }
    ++at(id).references;
  }
  ids->resize(place);
  PairIds::Encode(*ids, &encoded);
  return PairIds(Keep(encoded));
}

void HeadIndex::Release(PairIds pairs) {
  absl::MutexLock lock(&mu_);
  for (const PairId id : pairs) {
    if (--at(id).references == 0) FreePair(id);
  }
  const std::string_view bytes = pairs.bytes();
  pool_.GiveBack(bytes.data(), bytes.size());
}

void HeadIndex::AddTo(PairId id, std::span<const SeriesRef> refs) {
  Pair& pair = at(id);
  if (pair.holders.empty()) {
    ++NameOf(id)->listed;
    ++listed_pairs_;
  }
  pair.holders.Add(refs);
}

void HeadIndex::Add(std::span<const IndexEntry> entries) {
  if (entries.empty()) return;
  absl::MutexLock lock(&mu_);
  if (all_.empty() || all_.last() < entries[0].ref) {  // The usual case: newer than all.
    for (const IndexEntry& entry : entries) {
      all_.Append(entry.ref);
      for (const PairId id : entry.pairs) AddTo(id, {&entry.ref, 1});
    }
    return;
  }
  // Batches were committed in another order than they were made, or a start reads what is older than
  // new series. A pair may be of any of the entries, and is met once: its list may be long.
  std::vector<SeriesRef> refs;
  std::vector<uint64_t> by_pair;  // With the entry's place in the low half.
  for (size_t i = 0; i < entries.size(); ++i) {
    refs.push_back(entries[i].ref);
    for (const PairId id : entries[i].pairs) {
      by_pair.push_back(uint64_t{static_cast<uint32_t>(id)} << 32 | i);
    }
  }
  all_.Add(refs);
  std::sort(by_pair.begin(), by_pair.end());
  for (size_t i = 0; i < by_pair.size();) {
    const uint64_t pair = by_pair[i] >> 32;
    refs.clear();
    for (; i < by_pair.size() && by_pair[i] >> 32 == pair; ++i) {
      refs.push_back(entries[static_cast<uint32_t>(by_pair[i])].ref);
    }
    AddTo(static_cast<PairId>(pair), refs);
  }
}

void HeadIndex::Remove(std::span<const IndexEntry> entries) {
  if (entries.empty()) return;
  std::vector<SeriesRef> refs;
  std::vector<std::pair<PairId, SeriesRef>> by_pair;
  for (const IndexEntry& entry : entries) {
    refs.push_back(entry.ref);
    for (const PairId id : entry.pairs) by_pair.emplace_back(id, entry.ref);
  }
  std::sort(by_pair.begin(), by_pair.end());
  {
    absl::MutexLock lock(&mu_);
    all_.Remove(refs);
  }
  for (size_t i = 0; i < by_pair.size();) {
    const PairId id = by_pair[i].first;
    refs.clear();
    for (; i < by_pair.size() && by_pair[i].first == id; ++i) refs.push_back(by_pair[i].second);
    absl::MutexLock lock(&mu_);  // One list at a time, so that nobody waits long.
    Pair& pair = at(id);
    if (pair.holders.empty()) continue;
    pair.holders.Remove(refs);
    if (pair.holders.empty()) {
      --NameOf(id)->listed;
      --listed_pairs_;
    }
  }
}

absl::StatusOr<PostingsPtr> HeadIndex::All() const {
  auto out = std::make_shared<Postings>();
  absl::ReaderMutexLock lock(&mu_);
  all_.AppendTo(out.get());
  return out;
}

absl::StatusOr<PostingsPtr> HeadIndex::For(std::string_view name, std::string_view value) const {
  auto out = std::make_shared<Postings>();
  std::string bytes;
  model::AppendLabel(&bytes, name, value);
  absl::ReaderMutexLock lock(&mu_);
  const auto it = by_bytes_.find(std::string_view(bytes));
  if (it != by_bytes_.end()) at(*it).holders.AppendTo(out.get());
  return out;
}

absl::StatusOr<std::vector<std::string>> HeadIndex::Names() const {
  std::vector<std::string> out;
  {
    absl::ReaderMutexLock lock(&mu_);
    for (const auto& [text, name] : names_) {
      if (name->listed > 0) out.push_back(text);
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

const HeadIndex::Name* HeadIndex::FindName(std::string_view name) const {
  const auto it = names_.find(name);
  return it == names_.end() ? nullptr : it->second.get();
}

absl::StatusOr<std::vector<std::string>> HeadIndex::Values(std::string_view name) const {
  return ValuesWithPrefix(name, "");
}

absl::StatusOr<std::vector<std::string>> HeadIndex::ValuesWithPrefix(
    std::string_view name, std::string_view prefix) const {
  std::vector<std::string> out;
  absl::ReaderMutexLock lock(&mu_);
  const Name* found = FindName(name);
  if (found == nullptr) return out;
  for (auto it = found->pairs.lower_bound(prefix); it != found->pairs.end(); ++it) {
    const std::string_view value = label(*it).value;
    if (!value.starts_with(prefix)) break;
    if (!at(*it).holders.empty()) out.emplace_back(value);
  }
  return out;
}

std::vector<uint32_t> HeadIndex::PairPlaces() const {
  absl::ReaderMutexLock lock(&mu_);
  std::vector<std::pair<std::string_view, const Name*>> names;
  for (const auto& [text, name] : names_) names.emplace_back(text, name.get());
  std::sort(names.begin(), names.end());
  std::vector<uint32_t> places(num_ids_);
  uint32_t place = 0;
  for (const auto& [text, name] : names) {
    for (const PairId id : name->pairs) places[static_cast<uint32_t>(id)] = ++place;
  }
  return places;
}

uint32_t HeadIndex::num_ids() const {
  absl::ReaderMutexLock lock(&mu_);
  return num_ids_;
}

uint64_t HeadIndex::num_pairs() const {
  absl::ReaderMutexLock lock(&mu_);
  return listed_pairs_;
}

uint64_t HeadIndex::heap_bytes() const {
  absl::ReaderMutexLock lock(&mu_);
  // Lists of more than a few series have bytes of their own, about 1.3 for each; that much is
  // estimated, for a walk over a million pairs would cost more than the figure is worth.
  constexpr uint64_t kPerPair = sizeof(Pair) + 8 /* hash table */ + 6 /* tree */;
  return by_bytes_.size() * kPerPair + pool_.bytes_in_use() + names_.size() * 128 +
         all_.heap_bytes() * 9;
}

}  // namespace storage
