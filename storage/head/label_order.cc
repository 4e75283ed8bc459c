#include "storage/head/label_order.h"

#include <algorithm>
#include <utility>

namespace storage {
namespace {

// So many series without rank are sorted by their labels before all are ranked anew.
constexpr size_t kFewUnranked = 512;

bool ByRank(const OrderedSeries& a, const OrderedSeries& b) {
  return a.series->rank < b.series->rank;
}

}  // namespace

// False when too many have no rank.
bool LabelOrder::SortByRank(std::vector<OrderedSeries>* list) {
  const auto middle = std::partition(list->begin(), list->end(), [](const OrderedSeries& s) {
    return s.series->rank != 0;
  });
  const size_t unranked = static_cast<size_t>(list->end() - middle);
  if (unranked > kFewUnranked && unranked > list->size() / 16) return false;
  const size_t ranked = list->size() - unranked;
  if (ranked > max_rank_ / 8) {  // Dense: everyone straight to his place.
    std::vector<OrderedSeries> places(max_rank_ + 1);
    for (auto it = list->begin(); it != middle; ++it) places[it->series->rank] = *it;
    auto out = list->begin();
    for (const OrderedSeries& s : places) {
      if (s.series != nullptr) *out++ = s;
    }
  } else {
    std::sort(list->begin(), middle, ByRank);
  }
  if (unranked == 0) return true;

  const auto less = [this](const OrderedSeries& a, const OrderedSeries& b) {
    return index_->Less(a.series->pairs(), b.series->pairs());
  };
  std::sort(middle, list->end(), less);
  std::vector<OrderedSeries> merged;
  merged.reserve(list->size());
  auto from = list->begin();
  for (auto it = middle; it != list->end(); ++it) {
    const auto to = std::lower_bound(from, middle, *it, less);
    merged.insert(merged.end(), from, to);
    merged.push_back(*it);
    from = to;
  }
  merged.insert(merged.end(), from, middle);
  *list = std::move(merged);
  return true;
}

void LabelOrder::Sort(std::vector<OrderedSeries>* list) {
  {
    absl::ReaderMutexLock lock(&mu_);
    if (SortByRank(list)) return;
  }
  absl::MutexLock lock(&mu_);
  // Whoever had the lock before may have ranked them.
  if (SortByRank(list)) return;
  RankAllLocked();
  std::sort(list->begin(), list->end(), ByRank);
}

std::vector<MemSeries*> LabelOrder::RankAll() {
  absl::MutexLock lock(&mu_);
  return RankAllLocked();
}

void LabelOrder::Forget(MemSeries* series) {
  absl::MutexLock lock(&mu_);
  series->rank = 0;
}

std::vector<MemSeries*> LabelOrder::RankAllLocked() {
  std::vector<OrderedSeries> list;
  map_->ForEach([&](MemSeries* series) { list.push_back({series, 0}); });
  if (!SortByRank(&list)) {
    // Pairs are far fewer than series: order those, and series are lists of numbers.
    const std::vector<uint32_t> places = index_->PairPlaces();
    const auto place = [&](PairId id) { return places[static_cast<uint32_t>(id)]; };
    struct Keyed {
      uint64_t key;  // Of the first two pairs; no pair sorts first.
      MemSeries* series;
    };
    std::vector<Keyed> keyed;
    keyed.reserve(list.size());
    for (const OrderedSeries& s : list) {
      const auto pairs = s.series->pairs();
      const uint64_t first = pairs.empty() ? 0 : place(pairs[0]);
      keyed.push_back({first << 32 | (pairs.size() < 2 ? 0 : place(pairs[1])), s.series});
    }
    std::sort(keyed.begin(), keyed.end(), [&](const Keyed& a, const Keyed& b) {
      if (a.key != b.key) return a.key < b.key;
      const auto x = a.series->pairs(), y = b.series->pairs();
      return std::lexicographical_compare(x.begin(), x.end(), y.begin(), y.end(),
                                          [&](PairId i, PairId j) { return place(i) < place(j); });
    });
    for (size_t i = 0; i < list.size(); ++i) list[i].series = keyed[i].series;
  }
  std::vector<MemSeries*> ordered;
  ordered.reserve(list.size());
  max_rank_ = 0;
  for (const OrderedSeries& s : list) {
    s.series->rank = ++max_rank_;
    ordered.push_back(s.series);
  }
  return ordered;
}

}  // namespace storage
