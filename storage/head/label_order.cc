#include "storage/head/label_order.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace storage {
namespace {

// So many series without rank are sorted by their labels before all are ranked anew.
constexpr size_t kFewUnranked = 512;

size_t FewOf(size_t series) { return std::max(kFewUnranked, series / 16); }

}  // namespace

bool LabelOrder::OrderByRank(List list, size_t most, std::vector<uint32_t>* order) {
  order->clear();
  order->reserve(list.size());
  std::vector<uint32_t> unranked;
  const auto put_off = [&](size_t i) {
    unranked.push_back(static_cast<uint32_t>(i));
    return unranked.size() <= most;
  };
  if (list.size() > max_rank_ / 8) {  // Dense: everyone straight to his place.
    std::vector<uint32_t> places(max_rank_ + 1);
    for (size_t i = 0; i < list.size(); ++i) {
      const uint32_t rank = list[i]->rank;
      // One that is about to be forgotten may stand where another was put meanwhile.
      if (rank != 0 && places[rank] == 0) {
        places[rank] = static_cast<uint32_t>(i) + 1;
      } else if (!put_off(i)) {
        return false;
      }
    }
    for (const uint32_t place : places) {
      if (place != 0) order->push_back(place - 1);
    }
  } else {
    std::vector<uint64_t> keyed;
    keyed.reserve(list.size());
    for (size_t i = 0; i < list.size(); ++i) {
      const uint64_t rank = list[i]->rank;
      if (rank != 0) {
        keyed.push_back(rank << 32 | i);
      } else if (!put_off(i)) {
        return false;
      }
    }
    std::sort(keyed.begin(), keyed.end());
    for (const uint64_t key : keyed) order->push_back(static_cast<uint32_t>(key));
  }
  if (!unranked.empty()) PutBetween(list, std::move(unranked), order);
  return true;
}

void LabelOrder::PutBetween(List list, std::vector<uint32_t> unranked,
                            std::vector<uint32_t>* order) const {
  const auto less = [&](uint32_t a, uint32_t b) {
    return index_->Less(list[a]->pairs, list[b]->pairs);
  };
  std::sort(unranked.begin(), unranked.end(), less);
  std::vector<uint32_t> merged;
  merged.reserve(list.size());
  auto from = order->begin();
  for (const uint32_t i : unranked) {
    const auto to = std::lower_bound(from, order->end(), i, less);
    merged.insert(merged.end(), from, to);
    merged.push_back(i);
    from = to;
  }
  merged.insert(merged.end(), from, order->end());
  *order = std::move(merged);
}

std::vector<uint32_t> LabelOrder::Order(std::span<MemSeries* const> list) {
  std::vector<uint32_t> order;
  {
    absl::ReaderMutexLock lock(&mu_);
    if (OrderByRank(list, FewOf(list.size()), &order)) return order;
  }
  absl::MutexLock lock(&mu_);
  // Whoever had the lock before may have ranked them.
  if (OrderByRank(list, FewOf(list.size()), &order)) return order;
  RankAllLocked();
  OrderByRank(list, list.size(), &order);
  return order;
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
  std::vector<MemSeries*> list;
  map_->ForEach([&](MemSeries* series) { list.push_back(series); });
  std::vector<MemSeries*> ordered;
  ordered.reserve(list.size());
  std::vector<uint32_t> order;
  if (OrderByRank(list, FewOf(list.size()), &order)) {
    for (const uint32_t i : order) ordered.push_back(list[i]);
  } else {
    // Pairs are far fewer than series: order those, and series are lists of numbers.
    const std::vector<uint32_t> places = index_->PairPlaces();
    const auto place = [&](PairId id) { return places[static_cast<uint32_t>(id)]; };
    struct Keyed {
      uint64_t key;  // Of the first two pairs; no pair sorts first.
      MemSeries* series;
    };
    std::vector<Keyed> keyed;
    keyed.reserve(list.size());
    for (MemSeries* const series : list) {
      uint64_t key = 0;
      auto pair = series->pairs.begin();
      for (int i = 0; i < 2; ++i) {
        key <<= 32;
        if (pair == std::default_sentinel) continue;
        key |= place(*pair);
        ++pair;
      }
      keyed.push_back({key, series});
    }
    std::sort(keyed.begin(), keyed.end(), [&](const Keyed& a, const Keyed& b) {
      if (a.key != b.key) return a.key < b.key;
      auto x = a.series->pairs.begin(), y = b.series->pairs.begin();
      for (; x != std::default_sentinel && y != std::default_sentinel; ++x, ++y) {
        if (*x != *y) return place(*x) < place(*y);
      }
      return y != std::default_sentinel && x == std::default_sentinel;
    });
    for (const Keyed& k : keyed) ordered.push_back(k.series);
  }
  max_rank_ = 0;
  for (MemSeries* const series : ordered) series->rank = ++max_rank_;
  return ordered;
}

}  // namespace storage
