// How many series carry what: the parts of HeadIndex that walk over all pairs.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "storage/index/head_index.h"

namespace storage {
namespace {

bool Before(const CardinalityEntry& a, const CardinalityEntry& b) {
  return a.value != b.value ? a.value > b.value : a.name < b.name;
}

// Keeps the largest `limit` as they come, equal ones by name; a name is made only for what is kept.
class Top {
 public:
  explicit Top(size_t limit) : limit_(limit) {}
  template <class MakeName>
  void Offer(uint64_t value, MakeName make_name) {
    if (limit_ == 0 || (heap_.size() == limit_ && value < heap_.front().value)) return;
    heap_.push_back({make_name(), value});
    std::push_heap(heap_.begin(), heap_.end(), Before);
    if (heap_.size() <= limit_) return;
    std::pop_heap(heap_.begin(), heap_.end(), Before);
    heap_.pop_back();
  }
  std::vector<CardinalityEntry> Take() {
    std::sort(heap_.begin(), heap_.end(), Before);
    return std::move(heap_);
  }

 private:
  const size_t limit_;
  std::vector<CardinalityEntry> heap_;  // The least first.
};

constexpr int kPairsPerLock = 4096;

}  // namespace

uint64_t HeadIndex::NumHolders(std::string_view name, std::string_view value) const {
  std::string bytes;
  model::AppendLabel(&bytes, name, value);
  absl::ReaderMutexLock lock(&mu_);
  const auto it = by_bytes_.find(std::string_view(bytes));
  return it == by_bytes_.end() ? 0 : at(*it).references;
}

void HeadIndex::WalkValues(std::string_view name,
                           absl::FunctionRef<void(const Pair&, std::string_view)> visit) const {
  std::string from;
  for (bool more = true; more;) {
    more = false;
    absl::ReaderMutexLock lock(&mu_);
    const Name* found = FindName(name);
    if (found == nullptr) return;
    int n = 0;
    for (auto it = found->pairs.lower_bound(std::string_view(from)); it != found->pairs.end();
         ++it) {
      const std::string_view value = label(*it).value;
      if (++n > kPairsPerLock) {
        from = value;
        more = true;
        break;
      }
      visit(at(*it), value);
    }
  }
}

CardinalityEntry HeadIndex::FullestValue(std::string_view name) const {
  Top top(1);
  WalkValues(name, [&](const Pair& pair, std::string_view value) {
    mu_.AssertReaderHeld();
    top.Offer(pair.references, [&] { return std::string(value); });
  });
  std::vector<CardinalityEntry> found = top.Take();
  return found.empty() ? CardinalityEntry() : std::move(found.front());
}

Cardinality HeadIndex::TopCardinality(size_t limit) const {
  std::vector<std::pair<std::string, uint64_t>> names;
  {
    absl::ReaderMutexLock lock(&mu_);
    for (const auto& [text, name] : names_) {
      if (name->listed > 0) names.emplace_back(text, name->listed);
    }
  }
  Top metrics(limit), values(limit), bytes(limit), pairs(limit);
  for (const auto& [name, listed] : names) {
    uint64_t size = 0;
    WalkValues(name, [&, &name = name](const Pair& pair, std::string_view value) {
      mu_.AssertReaderHeld();
      const uint64_t count = pair.holders.size();
      if (count == 0) return;
      size += value.size();
      pairs.Offer(count, [&] { return fmt::format("{}={}", name, value); });
      if (name == model::kMetricName) metrics.Offer(count, [&] { return std::string(value); });
    });
    values.Offer(listed, [&, &name = name] { return name; });
    bytes.Offer(size, [&, &name = name] { return name; });
  }
  return {metrics.Take(), values.Take(), bytes.Take(), pairs.Take()};
}

}  // namespace storage
