#include "storage/chunk/bucket_layout.h"

#include <algorithm>
#include <iterator>
#include <type_traits>

namespace chunk {
namespace {

// Counts from buckets, one after the other.
template <class Bucket>
class Counts {
 public:
  explicit Counts(const std::vector<Bucket>& buckets) : buckets_(buckets) { Take(); }
  Bucket now() const { return now_; }
  void Next() {
    ++at_;
    Take();
  }

 private:
  void Take() {
    if (at_ >= buckets_.size()) return;
    if constexpr (std::is_integral_v<Bucket>) {
      now_ = static_cast<Bucket>(static_cast<uint64_t>(now_) +
                                 static_cast<uint64_t>(buckets_[at_]));
    } else {
      now_ = buckets_[at_];
    }
  }

  const std::vector<Bucket>& buckets_;
  size_t at_ = 0;
  Bucket now_ = 0;
};

template <class Bucket>
std::vector<Bucket> Move(const std::vector<Bucket>& buckets, const Indices& from,
                         const Indices& to) {
  std::vector<Bucket> out(to.size(), 0);
  Counts<Bucket> counts(buckets);
  size_t at = 0;
  for (size_t i = 0; i < to.size() && at < from.size(); ++i) {
    if (to[i] != from[at]) continue;
    out[i] = counts.now();
    counts.Next();
    ++at;
  }
  if constexpr (std::is_integral_v<Bucket>) {
    for (size_t i = out.size(); i-- > 1;) {
      out[i] = static_cast<Bucket>(static_cast<uint64_t>(out[i]) -
                                   static_cast<uint64_t>(out[i - 1]));
    }
  }
  return out;
}

}  // namespace

uint64_t CountBuckets(const Spans& spans) {
  uint64_t count = 0;
  for (const model::Span& span : spans) count += span.length;
  return count;
}

Indices IndicesOf(const Spans& spans) {
  Indices indices;
  indices.reserve(CountBuckets(spans));
  int64_t index = 0;
  for (const model::Span& span : spans) {
    index += span.offset;
    for (uint32_t i = 0; i < span.length; ++i) indices.push_back(index++);
  }
  return indices;
}

Spans SpansOf(const Indices& indices) {
  Spans spans;
  int64_t next = 0;  // The index right behind the span before.
  for (const int64_t index : indices) {
    if (spans.empty() || index != next) {
      spans.push_back({static_cast<int32_t>(index - next), 0});
    }
    ++spans.back().length;
    next = index + 1;
  }
  return spans;
}

Indices UnionOf(const Indices& a, const Indices& b) {
  Indices all;
  all.reserve(std::max(a.size(), b.size()));
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(all));
  return all;
}

bool Includes(const Indices& all, const Indices& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

std::vector<int64_t> MoveBuckets(const std::vector<int64_t>& buckets, const Indices& from,
                                 const Indices& to) {
  return Move(buckets, from, to);
}
std::vector<double> MoveBuckets(const std::vector<double>& buckets, const Indices& from,
                                const Indices& to) {
  return Move(buckets, from, to);
}

template <class Bucket>
bool Grew(const Spans& before_spans, const std::vector<Bucket>& before, const Spans& after_spans,
          const std::vector<Bucket>& after) {
  Counts<Bucket> old_counts(before), new_counts(after);
  if (before_spans == after_spans) {
    for (size_t i = 0; i < before.size(); ++i, old_counts.Next(), new_counts.Next()) {
      if (old_counts.now() > new_counts.now()) return false;
    }
    return true;
  }
  const Indices olds = IndicesOf(before_spans), news = IndicesOf(after_spans);
  size_t j = 0;
  for (const int64_t index : olds) {
    while (j < news.size() && news[j] < index) ++j, new_counts.Next();
    const bool there = j < news.size() && news[j] == index;
    if (there ? old_counts.now() > new_counts.now() : old_counts.now() != 0) return false;
    old_counts.Next();
  }
  return true;
}

template bool Grew(const Spans&, const std::vector<int64_t>&, const Spans&,
                   const std::vector<int64_t>&);
template bool Grew(const Spans&, const std::vector<double>&, const Spans&,
                   const std::vector<double>&);

}  // namespace chunk
