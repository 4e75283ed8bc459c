#include "storage/index/postings.h"

#include <algorithm>
#include <bit>

#include "storage/base/status.h"

namespace storage {
namespace {

uint64_t Number(SeriesRef ref) { return static_cast<uint64_t>(ref); }

// First position at or after `from` whose ref is not below `ref`, found in steps that double.
size_t Gallop(const Postings& list, size_t from, SeriesRef ref) {
  size_t step = 1, low = from, high = from;
  while (high < list.size() && list[high] < ref) {
    low = high + 1;
    high += step;
    step *= 2;
  }
  const auto begin = list.begin();
  return std::lower_bound(begin + low, begin + std::min(high, list.size()), ref) - begin;
}

// Keeps in *keep what `other` has too, in place.
void IntersectInto(Postings* keep, const Postings& other) {
  size_t out = 0;
  if (other.size() / 16 > keep->size()) {
    size_t j = 0;
    for (const SeriesRef ref : *keep) {
      j = Gallop(other, j, ref);
      if (j == other.size()) break;
      if (other[j] == ref) (*keep)[out++] = ref;
    }
  } else {
    size_t i = 0, j = 0;
    while (i < keep->size() && j < other.size()) {
      const SeriesRef a = (*keep)[i], b = other[j];
      if (a == b) (*keep)[out++] = a;
      i += a <= b;
      j += b <= a;
    }
  }
  keep->resize(out);
}

// For refs that lie close together: one bit each.
Postings UnionByBitmap(const std::vector<PostingsPtr>& lists, uint64_t min, uint64_t max,
                       size_t total) {
  std::vector<uint64_t> words((max - min) / 64 + 1);
  for (const PostingsPtr& list : lists) {
    for (const SeriesRef ref : *list) {
      const uint64_t bit = Number(ref) - min;
      words[bit / 64] |= uint64_t{1} << (bit % 64);
    }
  }
  Postings out;
  out.reserve(total);
  for (size_t i = 0; i < words.size(); ++i) {
    for (uint64_t word = words[i]; word != 0; word &= word - 1) {
      out.push_back(SeriesRef{min + i * 64 + std::countr_zero(word)});
    }
  }
  return out;
}

Postings UnionByMerging(const std::vector<PostingsPtr>& lists) {
  std::vector<Postings> level;
  for (size_t i = 0; i < lists.size(); i += 2) {
    Postings merged;
    if (i + 1 < lists.size()) {
      merged.reserve(lists[i]->size() + lists[i + 1]->size());
      std::set_union(lists[i]->begin(), lists[i]->end(), lists[i + 1]->begin(),
                     lists[i + 1]->end(), std::back_inserter(merged));
    } else {
      merged = *lists[i];
    }
    level.push_back(std::move(merged));
  }
  while (level.size() > 1) {
    std::vector<Postings> next;
    for (size_t i = 0; i < level.size(); i += 2) {
      if (i + 1 == level.size()) {
        next.push_back(std::move(level[i]));
        break;
      }
      Postings merged;
      merged.reserve(level[i].size() + level[i + 1].size());
      std::set_union(level[i].begin(), level[i].end(), level[i + 1].begin(), level[i + 1].end(),
                     std::back_inserter(merged));
      next.push_back(std::move(merged));
    }
    level = std::move(next);
  }
  return std::move(level[0]);
}

}  // namespace

Postings Intersect(std::vector<PostingsPtr> lists) {
  if (lists.empty()) return {};
  std::sort(lists.begin(), lists.end(), [](const PostingsPtr& a, const PostingsPtr& b) {
    return a->size() < b->size();
  });
  Postings keep = *lists[0];
  for (size_t i = 1; i < lists.size() && !keep.empty(); ++i) IntersectInto(&keep, *lists[i]);
  return keep;
}

Postings Union(std::vector<PostingsPtr> lists) {
  std::erase_if(lists, [](const PostingsPtr& list) { return list->empty(); });
  if (lists.empty()) return {};
  if (lists.size() == 1) return *lists[0];
  uint64_t min = ~uint64_t{0}, max = 0;
  size_t total = 0;
  for (const PostingsPtr& list : lists) {
    min = std::min(min, Number(list->front()));
    max = std::max(max, Number(list->back()));
    total += list->size();
  }
  // A bitmap of not more than twice the bytes of the lists themselves.
  if ((max - min) / 128 <= total) return UnionByBitmap(lists, min, max, total);
  return UnionByMerging(lists);
}

Postings Without(const Postings& keep, const Postings& drop) {
  Postings out;
  out.reserve(keep.size());
  size_t j = 0;
  for (const SeriesRef ref : keep) {
    j = Gallop(drop, j, ref);
    if (j == drop.size() || drop[j] != ref) out.push_back(ref);
  }
  return out;
}

absl::StatusOr<std::vector<std::string>> Index::ValuesWithPrefix(std::string_view name,
                                                                 std::string_view prefix) const {
  ASSIGN_OR_RETURN(std::vector<std::string> values, Values(name));
  std::erase_if(values, [&](const std::string& v) { return !v.starts_with(prefix); });
  return values;
}

}  // namespace storage
